// The words at one tick, no longer than the distance of the ticks asks for.
const at = new Date(tick), two = (n) => String(n).padStart(2, "0"), step = ticks.length > 1 ? ticks[1] - ticks[0] : 0;
const isMidnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0;
if (step > 300 * 86400000) return String(at.getFullYear());
if (step > 20 * 86400000) return at.getMonth() === 0 ? String(at.getFullYear()) : at.toLocaleDateString(undefined, {month: "short"});
if (isMidnight) return at.toLocaleDateString(undefined, {day: "numeric", month: "short"});
return `${two(at.getHours())}:${two(at.getMinutes())}${at.getSeconds() ? ":" + two(at.getSeconds()) : ""}`;
