// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { copy, equal, get, join, keyOf, set, type Obj } from '@/spec/pointer'

describe('a pointer into a spec object', () => {
  it('reads what is there and nothing that every object has', () => {
    const doc = { upstream: { targets: [{ address: 'a:1' }] }, 'x/y': { '~': 1 } }
    expect(get(doc, '/upstream/targets/0/address')).toBe('a:1')
    expect(get(doc, '/x~1y/~0')).toBe(1)
    expect(get(doc, '/upstream/nothing/0')).toBeUndefined()
    expect(get(doc, '/constructor')).toBeUndefined()
    expect(join('x/y', '~')).toBe('/x~1y/~0')
  })

  it('makes what is missing on the way', () => {
    const doc: Obj = {}
    set(doc, '/upstream/targets/0/address', 'a:1')
    set(doc, '/limits/service/rate', 5)
    expect(doc).toEqual({ upstream: { targets: [{ address: 'a:1' }] }, limits: { service: { rate: 5 } } })
  })

  it('takes the empty objects above along when the last field goes', () => {
    const doc: Obj = { name: 'a', upstream: { timeouts: { connect: '2s' }, targets: [{ address: 'a:1', weight: 2 }] } }
    set(doc, '/upstream/timeouts/connect', undefined)
    set(doc, '/upstream/targets/0/weight', undefined)
    expect(doc).toEqual({ name: 'a', upstream: { targets: [{ address: 'a:1' }] } })
  })

  it('keeps an entry of a list that lost its last field: an empty route matches everything', () => {
    const doc: Obj = { routes: [{ path: { prefix: '/' } }] }
    set(doc, '/routes/0/path', undefined)
    expect(doc).toEqual({ routes: [{}] })
  })

  it('keeps an empty list apart from none', () => {
    const doc: Obj = {}
    set(doc, '/access/allow', [])
    expect(doc).toEqual({ access: { allow: [] } })
    set(doc, '/access/allow', undefined)
    expect(doc).toEqual({})
  })

  it('removing what is not there changes nothing', () => {
    const doc: Obj = { name: 'a' }
    set(doc, '/upstream/timeouts/connect', undefined)
    expect(doc).toEqual({ name: 'a' })
  })
})

describe('equal', () => {
  it('goes by meaning: order of keys is none, order of lists is', () => {
    expect(equal({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1, c: undefined })).toBe(true)
    expect(equal({ b: [1, 2] }, { b: [2, 1] })).toBe(false)
    expect(equal({ allow: [] }, {})).toBe(false)
    expect(equal([], {})).toBe(false)
    expect(equal(0, false)).toBe(false)
    expect(equal(copy({ a: [{ b: null }] }), { a: [{ b: null }] })).toBe(true)
  })
})

describe('the name of a field', () => {
  it('leaves out list positions and the keys of maps', () => {
    expect(keyOf('/upstream/targets/3/weight')).toBe('upstream_targets_weight')
    expect(keyOf('/headers/request/set/X-A')).toBe('headers_request_set')
    expect(keyOf('/headers/request/remove/0')).toBe('headers_request_remove')
  })
})
