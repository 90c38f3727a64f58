/** Generates the sample inputs in `data/`, always with the same bytes: `node examples/make-data.ts`. */
import { writeFile } from 'node:fs/promises';
import { renderTile, type Tile } from './lib/mandelbrot.ts';
import { encodePicture } from './lib/picture.ts';

const shops = ['Basel', 'Graz', 'Lyon', 'Porto', 'Turku'];
const goods = [
  { name: 'Lamp, "Aurora"', cents: 8_990 },
  { name: 'Chair', cents: 12_900 },
  { name: 'Desk, oak', cents: 45_500 },
  { name: 'Shelf', cents: 6_450 },
  { name: 'Rug', cents: 15_900 },
];
const pictures: Readonly<Record<string, Tile>> = {
  'seahorse-valley.jpg': { x: -0.745, y: 0.113, scale: 0.012, width: 640, height: 480, maxIterations: 1_500 },
  'elephant-valley.jpg': { x: 0.282, y: 0.0085, scale: 0.016, width: 480, height: 640, maxIterations: 1_500 },
};

/** The generator of Numerical Recipes. It only has to be the same everywhere. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function salesCsv(rows: number): string {
  const next = seeded(2_024);
  const lines = ['order,date,shop,article,quantity,price,gift,remark'];
  for (let row = 0; row < rows; row += 1) {
    const article = goods[next(goods.length)] ?? { name: '', cents: 0 };
    const date = new Date(Date.UTC(2025, 0, 1 + next(365))).toISOString().slice(0, 10);
    const quantity = 1 + next(4);
    const remark = next(12) === 0 ? 'deliver\nafter 6 pm' : next(9) === 0 ? 'says "thanks"' : '';
    const fields = [
      String(10_001 + row),
      date,
      shops[next(shops.length)] ?? '',
      article.name,
      String(quantity),
      ((article.cents * quantity) / 100).toFixed(2),
      next(5) === 0 ? 'yes' : 'no',
      remark,
    ];
    lines.push(fields.map(quoted).join(','));
  }
  return `${lines.join('\r\n')}\r\n`;
}

function quoted(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

await writeFile(new URL('./data/sales.csv', import.meta.url), salesCsv(600));
for (const [name, tile] of Object.entries(pictures)) {
  const data = renderTile(tile, () => undefined);
  const bytes = encodePicture({ width: tile.width, height: tile.height, data }, 'jpeg');
  await writeFile(new URL(`./data/${name}`, import.meta.url), bytes);
}
