// A moment in the viewer's own zone: with the day unless it is today, with seconds where `step` (seconds) is short enough.
const two = (n) => String(n).padStart(2, "0");
const sameDay = (a, b) => a.toDateString() === b.toDateString();
// To make a format takes longer than to draw a chart.
const [dayFormat, yearFormat] = [{}, {year: "numeric"}].map((more) => new Intl.DateTimeFormat(undefined, {day: "numeric", month: "short", ...more}));
const dayOf = (at) => (at.getFullYear() === new Date().getFullYear() ? dayFormat : yearFormat).format(at);
const clockOf = (at, step) => `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? ":" + two(at.getSeconds()) : ""}`;
const momentOf = (at, step) => (sameDay(at, new Date()) ? "" : dayOf(at) + ", ") + clockOf(at, step);
// From one moment to another: the day once if it is one, and both if not, or "Nov 24, 02:38 – 02:38" would be a day.
const dated = (at, step) => `${dayOf(at)}, ${clockOf(at, step)}`;
const spanOf = (from, to, step) => sameDay(from, to) ? `${momentOf(from, step)} – ${clockOf(to, step)}` : `${dated(from, step)} – ${dated(to, step)}`;
