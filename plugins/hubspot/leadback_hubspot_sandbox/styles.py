"""The pages' style sheet: one column on a phone, two on a desk; light and dark."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--ink:#22313f;--soft:#5c6f82;--line:#dfe5ec;--paper:#fff;
--ground:#f4f6f9;--link:#00657d;--bar:#22313f;--note:#c98a0b;--email:#00657d;--task:#7a4fb5}
@media(prefers-color-scheme:dark){:root{--ink:#e6ecf2;--soft:#9fb0c0;--line:#33424f;
--paper:#1d2832;--ground:#141c23;--link:#6cc7dc;--bar:#0d1318;--note:#e5b454;--email:#6cc7dc;
--task:#bd9cec}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
header{background:var(--bar);color:#fff}
nav{max-width:72rem;margin:auto;padding:.75rem 1rem}
nav a{color:#fff;text-decoration:none;font-weight:600}nav span{opacity:.6;padding:0 .25rem}
main{max-width:72rem;margin:auto;padding:1.25rem 1rem 3rem}
h1{margin:.25rem 0;font-size:1.7rem;line-height:1.2;overflow-wrap:anywhere}
h2{margin:0 0 .75rem;font-size:1.05rem}h3{margin:0;font-size:1rem;overflow-wrap:anywhere}
a{color:var(--link)}small,.lead,.empty,i{color:var(--soft);font-style:normal}
small{display:block;font-size:.85rem;overflow-wrap:anywhere}.lead{margin:.25rem 0 1rem}
.lead strong{color:var(--ink)}
.card{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:1rem;
margin:0 0 1rem}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}
.link{display:block;text-decoration:none;color:inherit}.link p{margin:0;color:var(--soft)}
.link:hover,.link:focus{border-color:var(--link)}
.notice{background:#fff3d6;color:#5b4300;border-radius:.6rem;padding:.6rem 1rem}
.search{display:flex;gap:.5rem;align-items:center;margin:0 0 1rem;flex-wrap:wrap}
.search input{flex:1;min-width:10rem;max-width:26rem;padding:.5rem .75rem;font:inherit;
color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.4rem}
.search label{position:absolute;left:-99rem}
button,.button{font:inherit;padding:.5rem 1rem;border:0;border-radius:.4rem;
background:var(--link);color:var(--paper);text-decoration:none;display:inline-block;cursor:pointer}
.choice{display:block;padding:.25rem 0 .75rem}.quiet{background:transparent;color:var(--soft)}
table{width:100%;border-collapse:collapse}
th{text-align:left;font-size:.85rem;color:var(--soft);padding:.4rem .6rem}
td{border-top:1px solid var(--line);padding:.6rem;vertical-align:top;overflow-wrap:anywhere}
td a{font-weight:600;text-decoration:none}
dl{margin:0}dt{color:var(--soft);font-size:.85rem}
dd{margin:0 0 .6rem;overflow-wrap:anywhere;white-space:pre-line}
ol{list-style:none;margin:0;padding:0}
.history li{border-left:3px solid var(--line);padding:0 0 .75rem .75rem}
.history li:first-child{border-color:var(--link)}
.timeline li{border-left:4px solid var(--line);padding:.1rem 0 .1rem .85rem;margin:0 0 1.1rem}
.timeline .note{border-color:var(--note)}.timeline .email{border-color:var(--email)}
.timeline .task{border-color:var(--task)}
.timeline p{margin:.35rem 0 0;white-space:pre-line;overflow-wrap:anywhere}
.columns{display:grid;gap:1rem;grid-template-columns:minmax(16rem,22rem) 1fr;align-items:start}
@media(max-width:46rem){.columns{grid-template-columns:1fr}thead{display:none}
tr{display:block;padding:.6rem 0;border-top:1px solid var(--line)}tr:first-child{border:0}
td{display:block;border:0;padding:.1rem 0}
td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}}
"""
