import { shallowReactive } from 'vue'
import type { QueryClient } from '@tanstack/vue-query'
import type { Fault, Release } from '@/api/types'

/** A Save is a change on its way: saved, released as a revision, live on the proxies. */
export interface Save {
  id: number
  title: string
  /** 0: there was nothing to change. */
  revision: number
  /** What was saved; only its own faults are this save's. */
  object?: ObjectKey
  undo?: () => Promise<unknown>
}

export type ObjectKey = Pick<Fault, 'kind' | 'name'>

export type Stage = 'unchanged' | 'saved' | 'spreading' | 'live' | 'refused' | 'no_nodes'

export const saves = shallowReactive<Save[]>([])
let last = 0

/** announce shows a save and follows it until every proxy acknowledged it. */
export function announce(queries: QueryClient, title: string, revision: number, object?: ObjectKey, undo?: () => Promise<unknown>) {
  saves.push({ id: ++last, title, revision, object, undo })
  if (saves.length > 4) saves.shift()
  void queries.invalidateQueries()
}

export function dismiss(id: number) {
  const at = saves.findIndex((s) => s.id === id)
  if (at >= 0) saves.splice(at, 1)
}

export interface Progress {
  stage: Stage
  live: number
  nodes: number
  faults: { node: string; fault: Fault }[]
}

/** progressOf says how far a save has come, never further than the proxies said. */
export function progressOf(revision: number, release?: Release, object?: ObjectKey): Progress {
  if (!revision) return { stage: 'unchanged', live: 0, nodes: 0, faults: [] }
  if (!release || release.revision < revision) return { stage: 'saved', live: 0, nodes: release?.nodes ?? 0, faults: [] }
  if (release.nodes === 0) return { stage: 'no_nodes', live: 0, nodes: 0, faults: [] }
  const present = release.nodes_detail.filter((n) => n.state !== 'lost' && n.state !== 'stopped')
  const own = (fault: Fault) => !object || (fault.kind === object.kind && fault.name === object.name)
  const there = present.filter((n) => n.revision >= revision)
  const faults = there.flatMap((n) => n.faults.filter(own).map((fault) => ({ node: n.name, fault })))
  const live = Math.min(release.nodes, there.filter((n) => !n.faults.some(own)).length)
  const stage = faults.length ? 'refused' : live >= release.nodes ? 'live' : 'spreading'
  return { stage, live, nodes: release.nodes, faults }
}
