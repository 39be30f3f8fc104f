// The report as it was written. Only `allow` is ever changed, so whatever else a person or another
// program put into it is still there when it is saved.
const report = JSON.parse(document.getElementById('report').textContent);
const list = document.getElementById('segments');
const cards = [...document.querySelectorAll('.segment')];
const segmentOf = (card) => report.segments[Number(card.dataset.segment) - 1];
const saved = report.segments.map((segment) => segment.allow);

function showState(card) {
  const { allow } = segmentOf(card);
  card.classList.toggle('allowed', allow);
  card.querySelector('[data-allow]').checked = allow;
  for (const bar of document.querySelectorAll(`a[data-segment="${card.dataset.segment}"]`)) {
    bar.classList.toggle('allowed', allow);
  }
}

function setAllowed(card, allow) {
  segmentOf(card).allow = allow;
  showState(card);
  showCounts();
  filter();
}

function showCounts() {
  const allowed = report.segments.filter((segment) => segment.allow).length;
  const changed = report.segments.filter((segment, index) => segment.allow !== saved[index]).length;
  document.getElementById('state').textContent =
    `${report.segments.length - allowed} to censor, ${allowed} allowed` +
    (changed ? `; ${changed} changed and not saved yet` : '');
  return changed;
}

// Filters

const chips = [...document.querySelectorAll('[data-filter]')];
const hideAllowed = document.getElementById('hide-allowed');
const isPressed = (button) => button.getAttribute('aria-pressed') === 'true';

function filter() {
  const wanted = new Set(chips.filter(isPressed).map((chip) => chip.dataset.filter));
  let shown = 0;
  for (const card of cards) {
    const labels = card.dataset.labels.split('\n');
    const matches = labels.some((label) => wanted.has(label));
    card.hidden = !matches || (isPressed(hideAllowed) && segmentOf(card).allow);
    shown += !card.hidden;
  }
  document.getElementById('shown').textContent =
    shown === cards.length ? '' : `${shown} of ${cards.length} segments are shown`;
}

function press(button) {
  const pressed = !isPressed(button);
  button.setAttribute('aria-pressed', pressed);
  return pressed;
}

// Moving around: keys count only inside the list, so they never get in a screen reader's way.

function move(step) {
  const visible = cards.filter((card) => !card.hidden);
  const current = visible.indexOf(document.activeElement.closest('.segment'));
  visible[Math.max(0, Math.min(visible.length - 1, current + step))]?.focus();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const card = event.target.closest('.segment');
  if (event.key === 'j') move(1);
  else if (event.key === 'k') move(-1);
  else if (event.key === 'a') setAllowed(card, !segmentOf(card).allow);
  else if (event.key === 'Enter' && event.target === card) reveal(card.querySelector('button.thumbnail'));
  else return;
  event.preventDefault();
}

function reveal(thumbnail) {
  if (thumbnail) press(thumbnail);
}

// Saving

function save(button) {
  const file = new Blob([JSON.stringify(report, null, 2), '\n'], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = button.dataset.file;
  link.click();
  URL.revokeObjectURL(link.href);
  report.segments.forEach((segment, index) => { saved[index] = segment.allow; });
  showCounts();
  document.getElementById('next').hidden = false;
}

async function copy(button) {
  const command = document.getElementById('command');
  try {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(command);
    button.textContent = 'Selected, now press Ctrl+C';
  }
}

document.documentElement.classList.add('script');
for (const thumbnail of document.querySelectorAll('button.thumbnail')) {
  thumbnail.addEventListener('click', () => reveal(thumbnail));
}
if (list) {
  list.addEventListener('keydown', onKey);
  list.addEventListener('change', ({ target }) => setAllowed(target.closest('.segment'), target.checked));
  for (const chip of [...chips, hideAllowed]) {
    chip.addEventListener('click', () => { press(chip); filter(); });
  }
  document.getElementById('save').addEventListener('click', ({ target }) => save(target));
  document.getElementById('copy').addEventListener('click', ({ target }) => copy(target));
  // A browser that restores a form after reloading would show other switches than the report has.
  cards.forEach(showState);
  showCounts();
  addEventListener('beforeunload', (event) => { if (showCounts()) event.preventDefault(); });
  // The bars of the timeline lead to a segment that a filter may hide.
  addEventListener('hashchange', () => {
    const card = document.querySelector(location.hash);
    if (card) { card.hidden = false; card.focus(); }
  });
}
