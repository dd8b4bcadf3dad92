// Makes src/api/schema.d.ts of the dashboard's OpenAPI document.
import { writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'

const from = new URL('../../dashboard/openapi.json', import.meta.url)
const to = new URL('../src/api/schema.d.ts', import.meta.url)
const head = '// Made by `npm run generate` of dashboard/openapi.json; do not edit.\n\n'
writeFileSync(to, head + astToString(await openapiTS(from)))
