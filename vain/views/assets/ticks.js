// Where a time axis has its ticks: at round times of the viewer's own zone, as many as fit the width.
const {start, end, range} = cb_data, SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
if (!(end > start)) return [];
const width = Math.max(...[...range.linked_plots ?? []].map((plot) => plot.frame?.bbox.width ?? 0), 0) || 600;
const step = (end - start) / Math.min(8, Math.max(2, Math.floor(width / 84)));
const fitting = (sizes, unit) => sizes.find((size) => size * unit >= step);
const ticks = [], first = new Date(start), put = (at) => { if (at >= start && at <= end) ticks.push(at); };
const seconds = fitting([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800], SECOND), hours = fitting([1, 2, 3, 6, 12], HOUR), days = fitting([1, 2, 3, 7, 14], DAY);
if (seconds) {
  // Zones differ from UTC by whole quarters of an hour.
  const size = seconds * SECOND, shift = first.getTimezoneOffset() * MINUTE;
  for (let at = Math.ceil((start - shift) / size) * size + shift; at <= end; at += size) put(at);
} else if (hours) {
  // By the calendar: on the day on which the clocks change, ticks stay at round hours.
  for (let day = 0, at = start; at <= end; day += 1) {
    for (let hour = 0; hour < 24; hour += hours) {
      at = +new Date(first.getFullYear(), first.getMonth(), first.getDate() + day, hour);
      put(at);
    }
  }
} else if (days) {
  // Counted from a Monday long ago, so that ticks keep their days while the axis moves.
  const number = Math.round(Date.UTC(first.getFullYear(), first.getMonth(), first.getDate()) / DAY) + 3, past = number % days;
  for (let day = -past, at = start; at <= end; day += days) put(at = +new Date(first.getFullYear(), first.getMonth(), first.getDate() + day));
} else {
  const months = fitting([1, 2, 3, 6, 12, 24, 60, 120, 240, 600], 30.5 * DAY) ?? 1200, month = months >= 12 ? 0 : Math.floor(first.getMonth() / months) * months;
  const year = months >= 12 ? Math.floor(first.getFullYear() / (months / 12)) * (months / 12) : first.getFullYear();
  for (let n = 0, at = start; at <= end; n += months) put(at = +new Date(year, month + n, 1));
}
return ticks;
