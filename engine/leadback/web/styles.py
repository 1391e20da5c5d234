"""How the pages look: one style sheet and one mark, served from here, no build step.

Light, dense enough for work, readable on a phone; every colour pair has contrast 4.5 : 1 or more.
"""

MARK = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#0b5cab"/>
<path d="M8 7v18M24 7v18M8 13h11l-4-4M24 20H13l4 4" fill="none" stroke="#fff" stroke-width="3"
 stroke-linecap="round" stroke-linejoin="round"/></svg>
"""

SHEET = """\
:root {
  --ink: #1b2733; --soft: #556372; --line: #dbe2ea; --paper: #fff; --ground: #f4f6f9;
  --accent: #0b5cab; --accent-soft: #e5f0fb; --bad: #a8201a; --bad-soft: #fdecea;
  --good: #1c6b38; --good-soft: #e4f4e9; --warn: #7a4d00; --warn-soft: #fdf1d8;
  --focus: #b45309;
  --round: 8px; --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
}
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }

/* ---------------------------------------------------------------- plain pages */
.plain .door { max-width: 24rem; margin: 10vh auto 0; padding: 2rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 12px; box-shadow: 0 8px 30px #1b27330f; }
.plain h1 { margin: 0 0 1rem; font-size: 1.5rem; }
.plain label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
.plain input { width: 100%; box-sizing: border-box; padding: .6rem .7rem; font: inherit;
  border: 1px solid #8493a3; border-radius: var(--round); }
.plain button { width: 100%; margin-top: 1.5rem; padding: .7rem; font: inherit; font-weight: 600;
  color: #fff; background: var(--accent); border: 0; border-radius: var(--round); cursor: pointer; }
.plain .other { margin: 1.25rem 0 0; padding-top: 1.25rem; border-top: 1px solid var(--line); }
.plain .other a { display: block; padding: .65rem; font-weight: 600; text-align: center;
  color: var(--accent); border: 1px solid var(--accent); border-radius: var(--round);
  text-decoration: none; }
.plain .alert { padding: .6rem .8rem; color: var(--bad); background: var(--bad-soft);
  border-radius: var(--round); }
.plain .reference { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.plain .reference section { margin: 1rem 0; padding: 1rem 1.25rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: var(--round); overflow-x: auto; }
.plain .reference h2 { margin: 0; font-size: 1.1rem; font-family: var(--mono); }
.plain .method { padding: .1rem .4rem; color: var(--accent); background: var(--accent-soft);
  border-radius: 4px; }
.plain table { border-collapse: collapse; margin: .75rem 0 0; }
.plain th, .plain td { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top; }

/* ---------------------------------------------------------------- frame */
.nicegui-content { padding: 0; gap: 0; align-items: stretch; }
.lb-top { display: flex; align-items: center; gap: .25rem; padding: 0 1rem; min-height: 52px;
  background: var(--paper); border-bottom: 1px solid var(--line);
  position: sticky; top: 0; z-index: 10; }
.lb-brand { display: flex; align-items: center; gap: .5rem; margin-right: 1rem; font-weight: 700;
  color: var(--ink); text-decoration: none; }
.lb-brand img { width: 24px; height: 24px; display: block; }
.lb-nav { display: flex; gap: .1rem; flex: 1; overflow-x: auto; scrollbar-width: none; }
.lb-nav a { padding: .45rem .7rem; color: var(--soft); text-decoration: none; white-space: nowrap;
  border-radius: var(--round); font-weight: 500; }
.lb-nav a:hover { background: var(--ground); color: var(--ink); }
.lb-nav a[aria-current=page] { color: var(--accent); background: var(--accent-soft); }
.lb-count { display: inline-block; min-width: 1.2em; margin-left: .35rem; padding: 0 .35em;
  color: #fff; background: var(--bad); border-radius: 1em; font-size: .75rem; font-weight: 700;
  line-height: 1.5; text-align: center; }
.lb-who { display: flex; align-items: center; gap: .5rem; color: var(--soft); white-space: nowrap;
  font-size: .875rem; }
.lb-who form { margin: 0; }
.lb-who button { padding: .3rem .6rem; font: inherit; color: var(--ink); background: none;
  border: 1px solid var(--line); border-radius: var(--round); cursor: pointer; }
.lb-main { max-width: 1280px; width: 100%; box-sizing: border-box; margin: 0 auto;
  padding: 1.25rem 1.25rem 3rem; }
.lb-main h1 { margin: 0; font-size: 1.5rem; font-weight: 700; line-height: 1.25; }
.lb-main h2 { margin: 0 0 .6rem; font-size: 1.05rem; font-weight: 650; line-height: 1.3; }
.lb-head { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem;
  margin-bottom: 1rem; }
.lb-head .lb-grow { flex: 1; }
.lb-lead { color: var(--soft); margin: 0; }
.lb-card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.15rem; margin-bottom: 1rem; }
.lb-two { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 1rem;
  align-items: start; }
.lb-tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin-bottom: 1rem; }
.lb-tile { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: .75rem 1rem; }
.lb-tile b { display: block; font-size: 1.6rem; font-weight: 700; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.lb-tile span { color: var(--soft); font-size: .875rem; }
.lb-tile.bad b { color: var(--bad); }
.lb-row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
.lb-bar { margin: .5rem 0; padding: .5rem .8rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 10px; }
.lb-row .lb-grow { flex: 1; }
.lb-dialog h2.lb-gap { margin: 1rem 0 .3rem; font-size: 1.05rem; }
.lb-filters { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem;
  margin-bottom: .75rem; }
.lb-filters .q-field { min-width: 9rem; background: var(--paper); }
.lb-filters .lb-search { flex: 1 1 16rem; }
.lb-soft { color: var(--soft); }
.lb-mono { font-family: var(--mono); font-size: .85em; }
.lb-empty { padding: 2rem 1rem; color: var(--soft); text-align: center; }
.lb-note { padding: .6rem .8rem; margin: 0 0 1rem; border-radius: var(--round);
  background: var(--accent-soft); }
.lb-note.bad { background: var(--bad-soft); color: var(--bad); }
.lb-note.warn { background: var(--warn-soft); color: var(--warn); }
.lb-note.good { background: var(--good-soft); color: var(--good); }

/* ---------------------------------------------------------------- words with a colour */
.lb-chip { display: inline-block; padding: .05rem .55rem; border-radius: 1em; font-size: .8125rem;
  font-weight: 600; white-space: nowrap; color: #3a4653; background: #e6ebf1; }
.lb-chip.goes_on { color: #0a4f94; background: #deecfa; }
.lb-chip.done, .lb-chip.good { color: var(--good); background: var(--good-soft); }
.lb-chip.final { color: #fff; background: #4b5865; }
.lb-chip.bad, .lb-chip.failed, .lb-chip.error { color: var(--bad); background: var(--bad-soft); }
.lb-chip.warn, .lb-chip.uncertain, .lb-chip.warning, .lb-chip.refused { color: var(--warn);
  background: var(--warn-soft); }

/* ---------------------------------------------------------------- tables */
.lb-scroll { overflow-x: auto; }
.lb-table { width: 100%; border-collapse: collapse; font-size: .9rem; color: var(--ink); }
.lb-table th { padding: .5rem .6rem; text-align: left; color: var(--soft); font-weight: 600;
  font-size: .8125rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
.lb-table td { padding: .45rem .6rem; border-bottom: 1px solid #edf1f5; vertical-align: top;
  font-size: .875rem; white-space: normal; overflow-wrap: break-word; }
.lb-table td .lb-mono { overflow-wrap: anywhere; }
.lb-table td.lb-short { white-space: nowrap; }
.lb-table tbody tr:hover { background: #f8fafc; }
.lb-table tbody tr:last-child td { border-bottom: 0; }
.lb-table .num, .lb-table th.num { text-align: right; font-variant-numeric: tabular-nums; }
.lb-table button.lb-sort { padding: 0; font: inherit; color: inherit; background: none; border: 0;
  cursor: pointer; }
.lb-table input[type=checkbox] { width: 1.1rem; height: 1.1rem; accent-color: var(--accent); }
.lb-facts { display: grid; grid-template-columns: fit-content(45%) minmax(0, 1fr); gap: .3rem 1rem;
  margin: 0; }
.lb-meter { width: 8rem; height: .8rem; margin-right: .6rem; vertical-align: middle; }
.lb-facts + [role=group] { margin-top: .6rem; }
.lb-facts dt { color: var(--soft); }
.lb-facts dd { margin: 0; overflow-wrap: anywhere; }

/* ---------------------------------------------------------------- timeline */
.lb-time { list-style: none; margin: 0; padding: 0 0 0 1.1rem; border-left: 2px solid var(--line); }
.lb-time li { position: relative; padding: 0 0 1rem .35rem; }
.lb-time li::before { content: ""; position: absolute; left: calc(-1.1rem - 6px); top: .45rem;
  width: 10px; height: 10px; border-radius: 50%; background: var(--paper);
  border: 2px solid #8493a3; box-sizing: border-box; }
.lb-time li.moved::before { background: var(--accent); border-color: var(--accent); }
.lb-time li.refused::before { background: #c27c00; border-color: #c27c00; }
.lb-time li.failed::before { background: var(--bad); border-color: var(--bad); }
.lb-time time { color: var(--soft); font-size: .8125rem; font-variant-numeric: tabular-nums; }
.lb-time p { margin: .1rem 0 0; overflow-wrap: anywhere; }

/* ---------------------------------------------------------------- controls of the library */
.q-item:focus-visible, .q-field__control:has(:focus-visible), .q-checkbox:has(:focus-visible),
.cm-editor:has(:focus-visible) { outline: 3px solid var(--focus) !important; outline-offset: 2px; }
.q-item:focus-visible { outline-offset: -3px; }
.no-outline:focus-visible { box-shadow: 0 0 0 2px var(--paper), 0 0 0 5px var(--focus); }
.q-tab.no-outline:focus-visible { box-shadow: inset 0 0 0 3px var(--focus); }
.q-btn { text-transform: none; font-weight: 600; border-radius: var(--round); }
.q-btn--dense { padding: .2rem .75rem; }
.q-btn--dense.q-btn--flat { padding: .15rem .5rem; }
.lb-records, .lb-records .q-table__middle { background: none; overflow: visible; }
.lb-drawing svg { display: block; width: min(100%, 760px); margin: 0 auto; }
.q-field__label, .q-field__native, .q-field__input { color: var(--ink); }
.q-field__label { color: var(--soft); }
.nicegui-codemirror { border: 1px solid var(--line); border-radius: var(--round);
  font-size: .85rem; background: var(--paper); }
.lb-line-error { background: var(--bad-soft); }
.lb-line-warning { background: var(--warn-soft); }
.lb-words h1 { font-size: 1.25rem; }
.lb-words h2, .lb-words h3 { margin: 1rem 0 .3rem; font-size: 1.05rem; }
.lb-words p { margin: .25rem 0; }
.lb-panels { background: none; }
.lb-panels .q-tab-panel { display: block; padding: 1rem 0; }
summary { display: list-item; cursor: pointer; color: var(--soft); }
.lb-dialog h2 { margin: 0; font-size: 1.2rem; font-weight: 700; line-height: 1.3; }
.lb-dialog { min-width: min(34rem, 92vw); max-width: 92vw; padding: 1.25rem; gap: .75rem;
  border-radius: 12px; align-items: stretch; }

@media (min-width: 901px) {
  .lb-table td { overflow-wrap: anywhere; }
  .lb-table td a { overflow-wrap: break-word; }
}
@media (max-width: 900px) {
  .lb-two { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 640px) {
  .lb-top { flex-wrap: wrap; padding: .25rem .75rem; }
  .lb-brand { flex: 1; }
  .lb-nav { order: 3; flex: 1 0 100%; padding-bottom: .25rem; }
  .lb-main { padding: .9rem .75rem 3rem; }
  .lb-wide { display: none; }
  .lb-head .lb-chip { white-space: normal; overflow-wrap: anywhere; }
  .lb-filters .q-field { flex: 1 1 45%; min-width: 0; }
}
@media (prefers-reduced-motion: reduce) {
  * { animation: none !important; transition: none !important; }
}
"""
