// What the API page reads of an OpenAPI 3 document.

export interface Schema {
  $ref?: string
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  enum?: unknown[]
  example?: unknown
  allOf?: Schema[]
}
export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header' | 'cookie'
  required?: boolean
  description?: string
  schema?: Schema
}
interface RawOperation {
  operationId?: string
  summary?: string
  tags?: string[]
  parameters?: Parameter[]
  requestBody?: { content?: Record<string, { schema?: Schema }> }
}
export interface Document {
  paths: Record<string, Record<string, RawOperation>>
  components?: { schemas?: Record<string, Schema> }
}
export interface Operation {
  id: string
  method: string
  path: string
  summary: string
  tag: string
  parameters: Parameter[]
  body?: Schema
}

const methods = ['get', 'post', 'put', 'patch', 'delete']

/** operationsOf lists every operation of a document. */
export function operationsOf(doc: Document): Operation[] {
  return Object.entries(doc.paths).flatMap(([path, item]) =>
    methods
      .filter((m) => item[m])
      .map((m) => {
        const raw = item[m] as RawOperation
        return {
          id: raw.operationId ?? `${m} ${path}`,
          method: m.toUpperCase(),
          path,
          summary: raw.summary ?? '',
          tag: raw.tags?.[0] ?? '',
          parameters: raw.parameters ?? [],
          body: Object.values(raw.requestBody?.content ?? {})[0]?.schema,
        }
      }),
  )
}

/** exampleOf is a smallest body: what is required, a value of the right type each. */
export function exampleOf(doc: Document, schema: Schema | undefined, depth = 0): unknown {
  if (!schema || depth > 6) return {}
  if (schema.$ref) return exampleOf(doc, doc.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''], depth + 1)
  if (schema.allOf?.[0]) return exampleOf(doc, schema.allOf[0], depth + 1)
  if (schema.example !== undefined) return schema.example
  if (schema.enum?.length) return schema.enum[0]
  switch (schema.type) {
    case 'array':
      return []
    case 'string':
      return ''
    case 'integer':
    case 'number':
      return 0
    case 'boolean':
      return false
  }
  return Object.fromEntries((schema.required ?? []).map((name) => [name, exampleOf(doc, schema.properties?.[name], depth + 1)]))
}

/** requestOf fills what was typed into path, query and headers. */
export function requestOf(operation: Operation, values: Record<string, string>): { url: string; headers: Record<string, string> } {
  let path = operation.path
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  for (const p of operation.parameters) {
    const value = values[p.name] ?? ''
    if (p.in === 'path') path = path.replace(`{${p.name}}`, encodeURIComponent(value))
    else if (value === '') continue
    else if (p.in === 'query') query.set(p.name, value)
    else if (p.in === 'header') headers[p.name] = value
  }
  return { url: path + (query.size ? `?${query}` : ''), headers }
}
