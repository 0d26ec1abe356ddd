-- SPDX-License-Identifier: MIT
-- How the HTML report looks, by day and by night.
return [[
:root{color-scheme:light dark;--bg:#f6f7f8;--panel:#fff;--ink:#1b2026;--soft:#55606b;--rule:#d8dde2;--faint:#eef1f3;
--pass:#14683a;--pass-bg:#e0f2e7;--fail:#b3211b;--fail-bg:#fce6e4;--skip:#55606b;--skip-bg:#eceff2;
--cert:#6b3aa3;--exchange:#1a5aa8;--meta:#0b6a63;--bar:#2b66ad;--bar-ink:#fff;--valid:#c9dcf3;--mark:#8a5a00;--mark-bg:#fdf1d8}
@media (prefers-color-scheme:dark){:root{--bg:#12161a;--panel:#1a1f25;--ink:#e4e8ec;--soft:#abb6c1;--rule:#343c45;--faint:#232a31;
--pass:#74d39a;--pass-bg:#163222;--fail:#ff938a;--fail-bg:#431b19;--skip:#abb6c1;--skip-bg:#272e36;
--cert:#c8a8f4;--exchange:#8bbcf7;--meta:#63cfc3;--bar:#7fb2f0;--bar-ink:#0d1a2b;--valid:#274466;--mark:#e8b95c;--mark-bg:#3a2e14}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main,header,footer{max-width:1340px;margin:0 auto;padding:0 20px}
header{padding-top:32px}
h1{font-size:26px;margin:0 0 2px;letter-spacing:-.01em}
h2{font-size:20px;margin:0 0 4px}
h3{font-size:15px;margin:28px 0 8px}
p{margin:0 0 10px;max-width:92ch}
a{color:var(--exchange)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--exchange);outline-offset:2px}
code,pre,.number,.id{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.88em}
.soft{color:var(--soft)}
.panel{background:var(--panel);border:1px solid var(--rule);border-radius:10px;padding:22px 24px;margin:20px 0}
.verdict{display:inline-block;font-weight:600;border-radius:4px;padding:0 7px;white-space:nowrap}
.pass{color:var(--pass);background:var(--pass-bg)}
.fail{color:var(--fail);background:var(--fail-bg)}
.inconclusive,.unsupported{color:var(--skip);background:var(--skip-bg)}
.counts{display:flex;flex-wrap:wrap;gap:12px;margin:16px 0 4px;padding:0;list-style:none}
.counts li{border-radius:8px;padding:8px 16px;min-width:112px}
.counts b{display:block;font-size:26px;line-height:1.2}
.stripe{display:flex;height:8px;border-radius:4px;overflow:hidden;margin:14px 0;background:var(--faint)}
.stripe i{display:block;background:currentColor}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;margin:8px 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
dd ul{margin:0;padding-left:18px}
table{border-collapse:collapse;width:100%}
caption{text-align:left;color:var(--soft);padding-bottom:8px}
th,td{text-align:left;vertical-align:baseline;padding:5px 10px;border-bottom:1px solid var(--rule)}
thead th{vertical-align:bottom;font-size:13px;color:var(--soft);border-bottom:2px solid var(--rule)}
tbody th{font-weight:500;white-space:nowrap}
.matrix td.cell{text-align:center;padding:3px 4px}
.matrix td.cell a{display:block;border-radius:4px;padding:2px 6px;text-decoration:none;font-weight:600;font-size:13px}
.matrix td.cell a:hover{text-decoration:underline}
.matrix tr.group th{color:var(--soft);font-weight:600;padding-top:16px;white-space:normal}
.matrix.many thead th.run{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left;padding:8px 4px}
.matrix td:nth-child(2),.results td:nth-child(3){min-width:20em}
.scroll{overflow-x:auto}
.failures{margin:0 0 12px;padding-left:20px}
.failures li{margin:4px 0}
.up{float:right;font-size:13px}
.finding{border:1px solid var(--rule);border-left:4px solid var(--fail);border-radius:6px;padding:12px 16px;margin:12px 0}
.finding dl{grid-template-columns:5.5em 1fr}
.finding h4{margin:0 0 4px;font-size:15px}
pre{background:var(--faint);border-radius:6px;padding:9px 12px;margin:6px 0;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600;font-size:15px;margin:24px 0 8px}
details details summary{font-weight:500}
footer{color:var(--soft);padding-bottom:40px;font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--soft);margin:0 0 8px;padding:0;list-style:none}
.legend svg{vertical-align:-3px;margin-right:6px}
.drawing{display:block;font:11px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.drawing text{fill:var(--ink)}
.drawing .time,.drawing .packets,.drawing .tick-text{fill:var(--soft);font-variant-numeric:tabular-nums}
.drawing .quiet{fill:var(--faint)}
.drawing .left{fill:var(--skip-bg)}
.drawing .quiet-text{fill:var(--soft)}
.map rect{fill:var(--panel);stroke:var(--soft)}
.map .router rect{fill:var(--valid);stroke:var(--exchange);stroke-width:1.5}
.map .underlay rect{fill:var(--faint);stroke-dasharray:4 3}
.map .name{font-size:13px;font-weight:600}
.map .address,.map .line-name{fill:var(--soft)}
.map .line-name{paint-order:stroke;stroke:var(--panel);stroke-width:4px}
.map .line{fill:none;stroke:var(--soft);stroke-width:1.5}
.map .captured{stroke:var(--exchange);stroke-width:3}
.map .lan{stroke-dasharray:2 3}
.sequence .lane{stroke:var(--rule);stroke-width:1.5}
.sequence .lane-head{fill:var(--valid);stroke:var(--exchange)}
.sequence .lane-name{font-size:13px;font-weight:600}
.arrow line,.legend path{stroke-width:1.6}
.after{margin:14px 0 0}
td.number{text-align:right}
.flows{width:auto}
.arrow text{font-weight:600;paint-order:stroke;stroke:var(--panel);stroke-width:4px}
.cert line,.cert path{stroke:var(--cert)}.cert path,.drawing .cert text{fill:var(--cert)}
.exchange line,.exchange path{stroke:var(--exchange)}.exchange path,.drawing .exchange text{fill:var(--exchange)}
.meta line,.meta path{stroke:var(--meta)}.meta path,.drawing .meta text{fill:var(--meta)}
.note{fill:var(--panel);stroke:var(--rule)}
.note.timeout{stroke:var(--mark);fill:var(--mark-bg)}
.sequence line.mark{stroke:var(--mark);stroke-dasharray:5 4;fill:none}
.mark-tag{fill:var(--mark-bg);stroke:var(--mark)}
.sequence line.fail{stroke:var(--fail);stroke-width:2}
.fail-tag{fill:var(--fail-bg);stroke:var(--fail)}
.drawing .fail-text{fill:var(--fail);font-weight:600}
.drawing .mark-text{fill:var(--mark)}
.timeline .router-name{font-size:13px;font-weight:600}
.timeline .track-name{fill:var(--soft)}
.timeline .rule,.timeline .tick{stroke:var(--rule)}
.bar .valid{fill:var(--valid)}
.bar .sending{fill:var(--bar)}
.bar .grace{fill:url(#hatch)}
.bar .whole{fill:none;stroke:var(--bar)}
.drawing .in-sending{fill:var(--bar-ink);font-weight:600}
.timeline .mark line{stroke:var(--mark);stroke-dasharray:4 3}
.timeline .mark text{fill:var(--mark)}
.timeline .fail line{stroke:var(--fail);stroke-width:2}
.timeline .fail text{fill:var(--fail);font-weight:600}
.timeline .fail rect{fill:var(--fail);fill-opacity:.14}
.timeline .mark text,.timeline .fail text{paint-order:stroke;stroke:var(--panel);stroke-width:4px}
#hatch path{stroke:var(--bar);stroke-width:2}
#hatch rect{fill:var(--valid)}
@media print{body{background:#fff}.panel{border:0;padding:0}.scroll{overflow:visible}}
]]
