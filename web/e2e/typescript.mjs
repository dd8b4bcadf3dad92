// Lets Node run the TypeScript of this folder: types are cut off, nothing else.
import { readFile } from 'node:fs/promises'
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) register(import.meta.url)

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context)
  } catch (cause) {
    if (specifier.startsWith('.')) return next(specifier + '.ts', context)
    throw cause
  }
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context)
  const ts = (await import('typescript')).default
  const { outputText } = ts.transpileModule(await readFile(new URL(url), 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, inlineSourceMap: true },
    fileName: url,
  })
  return { format: 'module', source: outputText, shortCircuit: true }
}
