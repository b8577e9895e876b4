// Follows a server and prints each event as a line of JSON, with the position that the watch then has.
// Arguments: the address of the module, options as JSON, and how many events to take.
const [module, options, count] = process.argv.slice(2);
const { watch } = await import(module);
const following = watch({ ...JSON.parse(options), onState: (state) => console.error(state) });
let left = Number(count);
try {
  for await (const event of following) {
    console.log(JSON.stringify({ ...event, position: following.position }));
    if (--left === 0) break;
  }
} catch (error) {
  console.log(JSON.stringify({ refused: error.code, detail: error.message, errors: error.errors }));
}
