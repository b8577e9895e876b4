// A length in seconds in words, such as "2 h 5 min": the two largest units, as vain.words has it.
const STEPS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
const durationOf = (seconds) => {
  if (seconds == null || Number.isNaN(seconds)) return "–";
  if (seconds < 0.9995) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 59.5) return `${Number(seconds.toFixed(seconds < 9.95 ? 1 : 0))} s`;
  const [large, largeWord, small, smallWord] = STEPS.find(([length, , step]) => Math.round(seconds / step) * step >= length);
  const whole = Math.round(seconds / small) * small, few = Math.round((whole % large) / small);
  return `${Math.floor(whole / large)} ${largeWord}${few ? ` ${few} ${smallWord}` : ""}`;
};
