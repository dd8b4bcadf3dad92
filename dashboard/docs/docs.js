// A page to read and try the API: it shows openapi.json and sends what one
// fills in, with the session of this browser.
const base = '/api/v1'
const make = (name, text, props = {}) => Object.assign(document.createElement(name), { textContent: text ?? '' }, props)

let spec

// resolve follows a reference within the document.
const resolve = (schema) => (schema?.$ref ? spec.components.schemas[schema.$ref.split('/').pop()] : schema)

// example is a value of a schema, with what must be there.
function example(schema, depth = 0) {
  const s = resolve(schema) ?? {}
  if (s.enum) return s.enum[0]
  if (s.allOf) return example(s.allOf[0], depth)
  switch (s.type) {
    case 'object': {
      const out = {}
      for (const [name, value] of Object.entries(s.properties ?? {})) {
        if (depth < 3 && (s.required ?? []).includes(name)) out[name] = example(value, depth + 1)
      }
      return out
    }
    case 'array': return []
    case 'integer':
    case 'number': return 0
    case 'boolean': return true
    default: return ''
  }
}

async function send(method, path, op, form, out) {
  let url = base + path
  const query = new URLSearchParams()
  const headers = {}
  for (const p of op.parameters ?? []) {
    const value = form.querySelector(`[name="${p.name}"]`).value
    if (p.in === 'path') url = url.replace(`{${p.name}}`, encodeURIComponent(value))
    if (p.in === 'query' && value) query.set(p.name, value)
    if (p.in === 'header' && value) headers[p.name] = value
  }
  if (query.size) url += `?${query}`
  const init = { method, headers }
  const body = form.querySelector('textarea')
  if (body?.value.trim()) {
    headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    init.body = body.value
  }
  out.textContent = '…'
  try {
    const answer = await fetch(url, init)
    const kept = ['ETag', 'Location', 'X-Yumen-Revision', 'X-Request-ID'].map((h) => [h, answer.headers.get(h)]).filter(([, v]) => v)
    let text
    if (answer.headers.get('Content-Type')?.startsWith('text/event-stream')) text = await firstEvents(answer)
    else text = await answer.text()
    try { text = JSON.stringify(JSON.parse(text), null, 2) } catch { /* no JSON */ }
    out.textContent = `${method} ${url}\n${answer.status}\n${kept.map((h) => h.join(': ')).join('\n')}\n\n${text}`
  } catch (cause) {
    out.textContent = String(cause)
  }
}

// firstEvents reads a stream for a moment and lets it go.
async function firstEvents(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (text.length < 4000) {
    const { value, done } = await reader.read()
    if (done) break
    text += value
    if (text.split('\n\n').length > 3) break
  }
  await reader.cancel()
  return text
}

function operation(method, path, op) {
  const box = make('details')
  const head = make('summary')
  head.append(make('code', method), make('code', path), make('span', ` ${op.summary ?? ''}`))
  const form = make('form')
  for (const p of op.parameters ?? []) {
    const label = make('label', `${p.name} (${p.in}${p.required ? ', required' : ''}) ${p.description ?? ''}`)
    label.append(make('input', '', { name: p.name, value: p.name === 'If-Match' ? '*' : '', placeholder: (p.schema?.enum ?? []).join(' | ') }))
    form.append(label)
  }
  const content = op.requestBody?.content
  if (content) {
    const label = make('label', 'body (JSON)')
    label.append(make('textarea', '', { value: JSON.stringify(example(Object.values(content)[0].schema), null, 2), spellcheck: false }))
    form.append(label)
  }
  const out = make('pre', '', { className: 'hidden' })
  form.append(make('button', 'Send', { type: 'submit' }))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    out.className = ''
    void send(method, path, op, form, out)
  })
  box.append(head, form, out)
  return box
}

async function show() {
  const main = document.getElementById('operations')
  const answer = await fetch(`${base}/openapi.json`)
  if (!answer.ok) {
    main.replaceChildren(make('p', 'Log in to the console first, then load this page again.'))
    return
  }
  spec = await answer.json()
  document.getElementById('about').textContent = spec.info.description
  const groups = new Map()
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const [method, op] of Object.entries(item)) {
      const tag = op.tags?.[0] ?? ''
      if (!groups.has(tag)) groups.set(tag, [])
      groups.get(tag).push(operation(method.toUpperCase(), path, op))
    }
  }
  main.replaceChildren(...[...groups].flatMap(([tag, boxes]) => [make('h2', tag), ...boxes]))
  document.getElementById('filter').addEventListener('input', (event) => {
    const wanted = event.target.value.toLowerCase()
    for (const box of main.querySelectorAll('details')) box.classList.toggle('hidden', !box.querySelector('summary').textContent.toLowerCase().includes(wanted))
  })
}

void show()
