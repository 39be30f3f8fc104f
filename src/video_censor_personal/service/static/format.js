// Numbers as people read them.
const UNITS = ["kB", "MB", "GB", "TB", "PB"];

export function size(bytes) {
  if (bytes === null || bytes === undefined) return "?";
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let value = bytes;
  for (const unit of UNITS) {
    value /= 1000;
    if (value < 999.95 || unit === "PB") return `${value.toFixed(1)} ${unit}`;
  }
}

export function duration(seconds) {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${(whole / 86400).toFixed(1)} days`;
}

export function percent(done, total) {
  // Whole per cent, and never 100 before everything is there.
  if (!total) return "";
  return done >= total ? "100 %" : `${Math.floor((done / total) * 100)} %`;
}

export const revisionOf = (model) =>
  model.hf_commit === null ? "main" : /^[0-9a-f]{40}$/.test(model.hf_commit) ? model.hf_commit.slice(0, 10) : model.hf_commit;
