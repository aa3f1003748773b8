'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id), n = data.shown.length;
const make = (tag, text, to, name) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (name) e.className = name;
  if (to) to.append(e);
  return e;
};
const visible = text => text.replace(/\n/g, '⏎').replace(/\t/g, '⇥').replace(/^ | $/g, '␣');
const percent = p => p > 0 && p < 0.0005 ? '<0.1 %' : (100 * p).toFixed(1) + ' %';
const decode = (text, Type) => new Type(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
const bars = (to, rows) => {
  to.replaceChildren();
  const most = Math.max(1e-9, ...rows.map(r => Math.abs(r.value)));
  for (const r of rows) {
    const row = make('div', undefined, to, 'bar' + (r.value < 0 ? ' minus' : '') + (r.kind ? ' ' + r.kind : ''));
    make('span', r.name, row, 'name').title = r.name;
    make('i', undefined, make('span', undefined, row)).style.width = 100 * Math.abs(r.value) / most + '%';
    make('span', r.text, row, 'value');
  }
};

// Where one is.
$('model').textContent = data.model;
$('prompt').textContent = data.tokens.join('');
$('answer').textContent = data.answer.token;
$('told').textContent = data.told;
const sections = [...document.querySelectorAll('section')], links = new Map();
for (const s of sections) {
  const a = make('a', s.querySelector('h2').textContent, document.querySelector('nav'));
  a.href = '#' + s.id;
  links.set(s.id, a);
}
const kinds = {embedding: ['Embedding'], attention: ['Query', 'Key', 'Value', 'Output'],
               mlp: ['Up-projection', 'Gate-projection', 'Down-projection'], unembedding: ['Unembedding', 'Embedding']};
const total = data.ledger.reduce((sum, r) => sum + r.total, 0);
const ledger = at => {
  const body = document.querySelector('#ledger tbody');
  body.replaceChildren();
  for (const r of data.ledger) {
    const row = make('tr', undefined, body, (kinds[at] || []).includes(r.name) ? 'here' : '');
    for (const x of [r.name, r.rows || '', r.cols || '', r.count, r.total.toLocaleString('en')]) make('td', String(x), row);
    make('td', percent(r.total / total), row);
  }
};
ledger('');
let last = '';
new IntersectionObserver(() => {
  const here = sections.find(s => s.getBoundingClientRect().bottom > innerHeight / 3) || sections[0];
  for (const [id, a] of links) a.classList.toggle('here', id === here.id);
  if (here.id !== 'ledger' && here.id !== last) ledger(last = here.id);
}, {threshold: [0, .1, .2, .4, .6, .8, 1]}).observe(sections[0]);
addEventListener('scroll', () => {
  const here = sections.find(s => s.getBoundingClientRect().bottom > innerHeight / 3) || sections[0];
  for (const [id, a] of links) a.classList.toggle('here', id === here.id);
  if (here.id !== 'ledger' && here.id !== last) ledger(last = here.id);
}, {passive: true});

// Tokens and their embeddings.
data.shown.forEach((position, i) => {
  const e = make('span', visible(data.tokens[position]), document.querySelector('#tokens .tokens'));
  make('small', String(data.ids[position]), e);
  const b = make('button', visible(data.tokens[position]), document.querySelector('.pick'));
  b.onclick = () => {
    for (const o of document.querySelectorAll('.pick button')) o.setAttribute('aria-pressed', o === b);
    bars($('near'), data.near[i].map(t => ({name: visible(t.token), value: t.cosine, text: t.cosine.toFixed(3)})));
  };
});
[...document.querySelectorAll('.pick button')].pop().click();

// Attention.
const attending = data.layers.filter(l => l.heads > 0);
const weightsOf = layer => layer.weights || (layer.weights = decode(layer.attention, Uint16Array));
const weight = (layer, head, q, k) => k > q ? 0 : weightsOf(layer)[head * n * (n + 1) / 2 + q * (q + 1) / 2 + k] / 65535;
let chosen = attending[Math.floor(attending.length / 2)], head = 0, query = n - 1;
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name);
const paint = (canvas, layer, h) => {
  canvas.width = canvas.height = n;
  const c = canvas.getContext('2d');
  for (let q = 0; q < n; q++)
    for (let k = 0; k < n; k++) {
      c.fillStyle = k > q ? 'rgba(128,128,128,.18)' : `rgba(${style('--hot')},${Math.sqrt(weight(layer, h, q, k))})`;
      c.fillRect(k, q, 1, 1);
    }
};
const showQuery = () => {
  const rows = [];
  let sum = 0;
  for (let k = 0; k <= query; k++) {
    const w = weight(chosen, head, query, k);
    sum += w;
    rows.push([w, k]);
  }
  rows.sort((a, b) => b[0] - a[0]);
  const name = k => visible(data.tokens[data.shown[k]]);
  $('moved').textContent = `L${chosen.layer}.H${head}: ${name(query)} fetches from ` +
      rows.slice(0, 4).map(([w, k]) => `${name(k)} ${percent(w)}`).join(', ') + `; all shown together ${sum.toFixed(3)}`;
  $('moved').dataset.sum = sum;
  const lines = $('lines'), high = 22;
  lines.replaceChildren();
  lines.style.height = n * high + 'px';
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('viewBox', `0 0 100 ${n * high}`);
  for (const [w, k] of rows) {
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    line.setAttribute('d', `M40 ${k * high + 11} C50 ${k * high + 11} 50 ${query * high + 11} 60 ${query * high + 11}`);
    line.setAttribute('style', `fill:none;stroke:var(--blue);stroke-width:${.5 + 5 * w};opacity:${w};vector-effect:non-scaling-stroke`);
    svg.append(line);
  }
  lines.append(svg);
  for (let i = 0; i < n; i++)
    for (const side of ['right:62%', 'left:62%']) {
      const e = make('span', name(i), lines);
      e.style.cssText = `${side};top:${i * high}px;` + (side[0] === 'l' && i === query ? 'font-weight:700;color:var(--blue)' : '') +
          (side[0] === 'r' && i <= query ? `background:rgba(var(--hot),${weight(chosen, head, query, i)})` : '');
      e.onclick = e.onmouseenter = () => { if (side[0] === 'l' && query !== i) { query = i; showQuery(); } };
    }
};
const showHead = () => {
  paint($('grid'), chosen, head);
  $('head').value = head;
  [...$('heads').children].forEach((c, i) => c.setAttribute('aria-pressed', i === head));
  showQuery();
};
const showLayer = () => {
  head = Math.min(head, chosen.heads - 1);
  $('layer').value = attending.indexOf(chosen);
  $('head').replaceChildren(...[...Array(chosen.heads).keys()].map(h => new Option(h, h)));
  $('heads').replaceChildren();
  for (let h = 0; h < chosen.heads; h++) {
    const c = make('canvas', undefined, $('heads'));
    c.title = `L${chosen.layer}.H${h}`;
    c.onclick = c.onmouseenter = () => { head = h; showHead(); };
    paint(c, chosen, h);
  }
  showHead();
};
if (attending.length) {
  attending.forEach((l, i) => $('layer').append(new Option(l.layer, i)));
  $('layer').onchange = e => { chosen = attending[+e.target.value]; showLayer(); };
  $('head').onchange = e => { head = +e.target.value; showHead(); };
  const pick = e => {
    const box = $('grid').getBoundingClientRect();
    query = Math.max(0, Math.min(n - 1, Math.floor((e.clientY - box.top) / box.height * n)));
    showQuery();
  };
  $('grid').onmousemove = $('grid').onclick = pick;
  $('grid').onkeydown = e => {
    const step = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[e.key];
    if (!step) return;
    e.preventDefault();
    query = Math.max(0, Math.min(n - 1, query + step[1]));
    head = (head + step[0] + chosen.heads) % chosen.heads;
    showHead();
  };
  showLayer();
} else {
  $('attention').hidden = true;
}

// What is added, the lens, the attribution.
for (const [key, name] of [['mixer_norm', 'attention'], ['mlp_norm', 'MLP']]) {
  make('h3', name, $('adds'));
  bars(make('div', undefined, $('adds')), data.layers.map(l => ({name: 'L' + l.layer, value: l[key], text: l[key].toFixed(2)})));
}
for (const l of data.layers) {
  const row = make('tr', undefined, document.querySelector('#lens tbody'), l.answer_rank === 1 ? 'there' : '');
  make('td', String(l.layer), row);
  l.lens.slice(0, 3).forEach((t, i) => make('td', visible(t.token) + ' ' + percent(t.probability), row, i ? 'many' : ''));
  make('td', '#' + l.answer_rank.toLocaleString('en'), row);
  make('td', percent(l.answer_probability), row);
}
const sorted = [...data.attribution].sort((a, b) => Math.abs(b.logit) - Math.abs(a.logit));
const some = sorted.slice(0, 16), rest = sorted.slice(16).reduce((s, p) => s + p.logit, 0);
bars($('parts'), [...some.map(p => ({name: p.name, value: p.logit, text: p.logit.toFixed(3)})),
  ...(sorted.length > 16 ? [{name: `${sorted.length - 16} others`, value: rest, text: rest.toFixed(3)}] : []),
  {name: 'together', value: data.attribution_total, text: data.attribution_total.toFixed(3), kind: 'own'}]);
const columns = ['MLP', ...Array(Math.max(0, ...data.layers.map(l => l.mixer_heads))).keys()];
$('map').style.gridTemplateColumns = `repeat(${columns.length + 1}, auto)`;
make('b', '', $('map'));
for (const c of columns) make('b', c === 'MLP' ? 'M' : 'H' + c, $('map'));
const byName = new Map(data.attribution.map(p => [p.name, p.logit])), largest = Math.abs((sorted[0] || {logit: 1}).logit) || 1;
for (const l of data.layers) {
  make('b', 'L' + l.layer, $('map'));
  for (const c of columns) {
    const name = `L${l.layer}.${c === 'MLP' ? c : 'H' + c}`, x = byName.get(name), cell = make('b', '', $('map'));
    if (x === undefined) continue;
    cell.title = `${name} ${x.toFixed(3)}`;
    cell.style.background = `color-mix(in srgb, var(${x < 0 ? '--red' : '--blue'}) ${Math.round(100 * Math.sqrt(Math.abs(x) / largest))}%, var(--bg))`;
  }
}

// Logits, softmax, the draw.
const logits = decode(data.logits, Float32Array), order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
const texts = new Map(data.texts.map(t => [t.id, t.token])), named = id => texts.has(id) ? visible(texts.get(id)) : '#' + id;
bars($('logits'), order.slice(0, 12).map(id => ({name: named(id), value: logits[id], text: logits[id].toFixed(3)})));
const distribution = () => {
  const T = +$('temperature').value, k = +$('topk').value, p = +$('topp').value;
  const kept = order.slice(0, T === 0 ? 1 : k || order.length), e = kept.map(id => T === 0 ? 1 : Math.exp((logits[id] - logits[order[0]]) / T));
  const all = e.reduce((a, b) => a + b, 0);
  let count = 0;
  for (let sum = 0; count < e.length && sum < p * all; count++) sum += e[count];
  if (p >= 1) count = e.length;
  const left = e.slice(0, count).reduce((a, b) => a + b, 0);
  return kept.slice(0, count).map((id, i) => [id, e[i] / left]);
};
const slide = () => {
  for (const id of ['temperature', 'topk', 'topp'])
    $(id).nextElementSibling.textContent = id === 'topk' && $(id).value === '0' ? 'all' : $(id).value;
  const found = new Map(distribution());
  bars($('next'), order.slice(0, 12).map(id => ({name: named(id), value: found.get(id) || 0, kind: found.has(id) ? '' : 'cut',
    text: found.has(id) ? percent(found.get(id)) : 'cut'})));
};
for (const id of ['temperature', 'topk', 'topp']) $(id).oninput = slide;
$('draw').onclick = () => {
  const random = Math.random();
  let sum = 0;
  for (const [id, p] of distribution()) {
    sum += p;
    if (random < sum || sum > 1 - 1e-9) {
      $('drawn').textContent = `${random.toFixed(4)} falls on ${named(id)} (${(sum - p).toFixed(4)} to ${sum.toFixed(4)})`;
      return;
    }
  }
};
slide();
