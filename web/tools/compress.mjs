// Writes a .gz beside every text file of dist, so that the dashboard sends
// them as they are.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const root = new URL('../dist/', import.meta.url)
let before = 0
let after = 0
for (const name of readdirSync(root, { recursive: true })) {
  if (!/\.(js|css|svg|json|html)$/.test(name)) continue
  const file = new URL(name, root)
  if (!statSync(file).isFile()) continue
  const bytes = readFileSync(file)
  const packed = gzipSync(bytes, { level: 9 })
  if (packed.length >= bytes.length) continue
  writeFileSync(new URL(name + '.gz', root), packed)
  before += bytes.length
  after += packed.length
}
console.log(`compressed ${Math.round(before / 1024)} KiB to ${Math.round(after / 1024)} KiB`)
