// What the hover says of one series at one row: its value, and where a point stands for several samples their smallest and largest.
const series = format, row = value, means = rows.data[series], lows = bands.data["low:" + series];
const mean = means == null ? NaN : means[row];
if (Number.isNaN(mean)) return "–";
const at = lows == null ? -1 : bands.data.t.indexOf(rows.data.t[row]);
const high = at < 0 ? mean : bands.data["high:" + series][at];
if (at < 0 || show(lows[at]) === show(high)) return show(mean);
return `${show(mean)}  (${show(lows[at])} – ${show(high)})`;
