"""The pages' one script of our own: whoever works by keyboard keeps the place.

Tables are drawn anew when something changes, and then the button that had the focus is another
element. The script gives the focus to its twin (by its name), or to what had it before: so it goes
back to the button that opened a dialog, too. Who clicks somewhere else wanted to leave.
It also names the editor and the loading bar, whose libraries do not.
"""

SCRIPT = """\
(() => {
  const trail = [];
  const name = e => e.getAttribute('aria-label');
  const twin = e => name(e) && [...document.getElementsByTagName(e.tagName)]
    .find(other => name(other) === name(e) && other.offsetParent !== null);
  document.addEventListener('focusin', event => {
    const dialog = [...document.querySelectorAll('[role=dialog]')].pop();
    if (dialog && !dialog.contains(event.target)) return;  // on its way back into the dialog
    trail.push(event.target);
    if (trail.length > 30) trail.shift();
  });
  document.addEventListener('pointerdown', () => { trail.length = 0; }, true);
  const lost = () => {
    const last = trail[trail.length - 1], active = document.activeElement;
    return last && !last.isConnected && (!active || active === document.body);
  };
  const named = () => document.querySelectorAll('[data-says] .cm-content:not([aria-label])')
    .forEach(e => {
      e.setAttribute('aria-label', e.closest('[data-says]').dataset.says);
      if (e.getAttribute('contenteditable') === 'false') e.tabIndex = 0;  // to scroll it by keys
    });
  new MutationObserver(() => {
    document.querySelectorAll('.q-loading-bar:not([aria-label])')
      .forEach(e => e.setAttribute('aria-label', 'Loading'));
    named();
    if (!lost()) return;
    for (let at = trail.length - 1; at >= 0; at--) {
      const place = trail[at].isConnected ? trail[at] : twin(trail[at]);
      if (place) { place.focus({preventScroll: true}); return; }
    }
  }).observe(document.documentElement, {childList: true, subtree: true});
})();
"""
