// @vitest-environment node
import { describe, expect, it } from 'vitest'
import type { Release } from '@/api/types'
import { progressOf } from '@/composables/saves'

const node = (name: string, revision: number, faults: Release['nodes_detail'][number]['faults'] = []): Release['nodes_detail'][number] => ({ name, incarnation: name, revision, state: 'live', faults })
const release = (revision: number, nodes: Release['nodes_detail']): Release => ({
  revision, digest: '', account: 'admin', state: 'live', nodes: nodes.length, live_on: nodes.filter((n) => n.revision >= revision).length, nodes_detail: nodes,
})
const fault = { node: 'b', kind: 'service', name: 'orders', field: '/listen/port', code: 'cannot_bind', message: 'in use' }

describe('a save', () => {
  it('is only saved until the release is seen', () => {
    expect(progressOf(43, undefined).stage).toBe('saved')
    expect(progressOf(43, release(42, [node('a', 42)])).stage).toBe('saved')
  })
  it('is never live before every proxy said so', () => {
    expect(progressOf(43, release(43, [node('a', 43), node('b', 42)]))).toMatchObject({ stage: 'spreading', live: 1, nodes: 2 })
    expect(progressOf(43, release(43, [node('a', 43), node('b', 43)]))).toMatchObject({ stage: 'live', live: 2 })
  })
  it('shows the error of the node that refused it', () => {
    const p = progressOf(43, release(43, [node('a', 43), node('b', 43, [fault])]))
    expect(p.stage).toBe('refused')
    expect(p.faults).toEqual([{ node: 'b', fault }])
  })
  it('is not blamed for what another object suffers from', () => {
    const r = release(43, [node('a', 43), node('b', 43, [fault])])
    expect(progressOf(43, r, { kind: 'service', name: 'search' })).toMatchObject({ stage: 'live', live: 2, faults: [] })
    expect(progressOf(43, r, { kind: 'service', name: 'orders' })).toMatchObject({ stage: 'refused', live: 1 })
  })
  it('waits neither for a lost node nor for a stopped one', () => {
    const lost = { ...node('c', 40), state: 'lost' as const }
    expect(progressOf(43, { ...release(43, [node('a', 43), lost]), nodes: 1 })).toMatchObject({ stage: 'live', live: 1, nodes: 1 })
  })
  it('says that nobody is there to take it', () => {
    expect(progressOf(43, release(43, [])).stage).toBe('no_nodes')
  })
  it('is live when a later release is already live everywhere', () => {
    expect(progressOf(43, release(45, [node('a', 45), node('b', 44)]))).toMatchObject({ stage: 'live', live: 2 })
  })
  it('that changed nothing has no way to go', () => {
    expect(progressOf(0, release(45, [])).stage).toBe('unchanged')
  })
})
