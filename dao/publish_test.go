package dao

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

func TestANewInstallationHasAnEmptyDocumentAndALineage(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		h, err := s.Head(t.Context())
		require.NoError(t, err)
		require.Regexp(t, `^[0-9a-f]{32}$`, h.Lineage)
		require.Equal(t, Head{Lineage: h.Lineage}, h)
		require.Equal(t, &Snapshot{Head: h, Document: &spec.Document{}, Digests: map[spec.Key]string{}}, load(t, s, NewCache()))
	})
}

func TestPublishedObjectsComeBackAsWritten(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		at := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
		r := publish(t, s, func(d *Draft) error {
			return errors.Join(
				d.Put(spec.KindService, "orders", service("orders")),
				d.Put(spec.KindService, "Accents", spec.Service{Name: "Accents", Protocol: "tcp", Title: "café 🚪", Listen: &spec.Listen{Port: 8001}}),
				d.Put(spec.KindTenant, "app_a", &spec.Tenant{AppID: "app_a", Name: "A", Credentials: []spec.Credential{{ID: "ignored"}}}),
				d.Put(spec.KindCredential, "app_a/c2", &spec.Credential{ID: "c2", Secret: ptr(spec.NewSecret("s3cret")), CreatedAt: &at}),
				d.Put(spec.KindCredential, "app_a/c1", spec.Credential{ID: "c1", SecretHash: spec.HashSecret("other"), ExpiresAt: &at}),
				d.Put(spec.KindBlacklist, "203.0.113.0/24", &spec.BlacklistRule{CIDR: "203.0.113.7/24", Reason: "abuse", ExpiresAt: &at}),
				d.Put(spec.KindSettings, "settings", &spec.Settings{TimeZone: ptr("Asia/Shanghai")}),
				d.Put(spec.KindKey, "k1", &spec.SigningKey{ID: "k1", Algorithm: "EdDSA", Private: spec.NewSecret("PEM"), CreatedAt: at}),
			)
		})
		require.Equal(t, uint64(1), r.Number)
		require.Equal(t, 8, r.Added)
		for _, cache := range []*Cache{nil, NewCache()} {
			d := load(t, s, cache).Document
			require.Len(t, d.Services, 2)
			require.Equal(t, "Accents", d.Services[0].Name)
			require.Equal(t, "café 🚪", d.Services[0].Title)
			want := *service("orders")
			want.Origin = 1
			require.Equal(t, want, d.Services[1])
			require.Len(t, d.Tenants, 1)
			require.Equal(t, uint64(1), d.Tenants[0].Origin)
			require.Len(t, d.Tenants[0].Credentials, 2)
			require.Equal(t, "c1", d.Tenants[0].Credentials[0].ID)
			require.Nil(t, d.Tenants[0].Credentials[1].Secret)
			require.True(t, spec.VerifySecret(d.Tenants[0].Credentials[1].SecretHash, "s3cret"))
			require.Equal(t, []spec.BlacklistRule{{CIDR: "203.0.113.0/24", Reason: "abuse", ExpiresAt: &at}}, d.Blacklist)
			require.Equal(t, &spec.Settings{TimeZone: ptr("Asia/Shanghai")}, d.Settings)
			require.Equal(t, "PEM", d.Keys[0].Private.Reveal())
		}
	})
}

func TestOneChangeCostsOneObjectOneBucketAndOneRoot(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			for i := range 500 {
				name := fmt.Sprintf("s%d", i)
				if err := d.Put(spec.KindService, name, service(name)); err != nil {
					return err
				}
			}
			return nil
		})
		before := count(t, s, "objects")
		changed := service("s77")
		changed.Title = "changed"
		put(t, s, spec.KindService, "s77", changed)
		require.Equal(t, before+3, count(t, s, "objects"))
		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindService, "s78") })
		require.Equal(t, before+3+2, count(t, s, "objects"))
	})
}

func TestNodesFetchOnlyWhatTheyLack(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			for i := range 300 {
				name := fmt.Sprintf("s%d", i)
				if err := d.Put(spec.KindService, name, service(name)); err != nil {
					return err
				}
			}
			return nil
		})
		reader := open(t, s.config)
		cache := NewCache()
		load(t, reader, cache)
		changed := service("s7")
		changed.Title = "changed"
		put(t, s, spec.KindService, "s7", changed)
		// With every other object gone, a Load that wanted one would fail.
		h, err := s.Head(t.Context())
		require.NoError(t, err)
		_, err = s.pool.Exec("DELETE FROM objects WHERE NOT (digest = ? OR kind = 'service' AND name = 's7' OR kind = 'bucket' AND name = ?)",
			h.Digest, fmt.Sprintf("service/%02x", bucketOf(key(spec.KindService, "s7"))))
		require.NoError(t, err)
		d := load(t, reader, cache).Document
		require.Len(t, d.Services, 300)
		_, err = open(t, s.config).Load(t.Context(), h, nil)
		require.ErrorContains(t, err, "missing")
	})
}

func TestPublishWithoutEffectMakesNoRevision(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		r, err := s.Publish(t.Context(), cli, "nothing", func(*Draft) error { return nil })
		require.NoError(t, err)
		require.Equal(t, Revision{}, r)
		first := put(t, s, spec.KindService, "a", service("a"))
		objects, audit := count(t, s, "objects"), count(t, s, "audit")
		require.Equal(t, first, put(t, s, spec.KindService, "a", service("a")))
		require.Equal(t, first, publish(t, s, func(d *Draft) error {
			changed := service("a")
			changed.Title = "other"
			return errors.Join(d.Put(spec.KindService, "b", service("b")), d.Delete(spec.KindService, "b"),
				d.Put(spec.KindService, "a", changed), d.Put(spec.KindService, "a", service("a")))
		}))
		require.Equal(t, objects, count(t, s, "objects"))
		require.Equal(t, audit, count(t, s, "audit"))
		require.Equal(t, 1, count(t, s, "revisions"))
	})
}

func TestAnErrorOfTheChangeIsGivenBackAndNothingIsWritten(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		stale := errors.New("stale")
		runs := 0
		_, err := s.Publish(t.Context(), cli, "", func(d *Draft) error {
			runs++
			require.NoError(t, d.Put(spec.KindService, "a", service("a")))
			return stale
		})
		require.Same(t, stale, err)
		require.Equal(t, 1, runs)
		for _, table := range []string{"objects", "revisions", "entries", "audit"} {
			require.Zero(t, count(t, s, table), table)
		}
	})
}

func TestADraftShowsWhatWasChangedSoFarAndNobodyElseSeesIt(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		before := load(t, s, nil)
		var escaped *Draft
		publish(t, s, func(d *Draft) error {
			escaped = d
			require.Equal(t, uint64(1), d.Head().Number)
			require.Equal(t, before.Digests[key(spec.KindService, "a")], d.Digest(key(spec.KindService, "a")))
			held := d.Document()
			require.Len(t, held.Services, 1)
			changed := service("a")
			changed.Title = "changed"
			require.NoError(t, d.Put(spec.KindService, "a", changed))
			changed.Title = "after Put nothing of mine counts"
			require.NoError(t, d.Put(spec.KindService, "b", service("b")))
			require.Equal(t, "Title of a", held.Services[0].Title)
			require.Equal(t, "changed", d.Document().Services[0].Title)
			require.Equal(t, "b", d.Document().Services[1].Name)
			got, ok := d.Get(key(spec.KindService, "a"))
			require.True(t, ok)
			require.Equal(t, "changed", got.(*spec.Service).Title)
			require.NotEqual(t, before.Digests[key(spec.KindService, "a")], d.Digest(key(spec.KindService, "a")))
			require.Empty(t, d.Digest(key(spec.KindService, "none")))
			return nil
		})
		require.Equal(t, "Title of a", before.Document.Services[0].Title)
		require.Len(t, before.Document.Services, 1)
		require.ErrorIs(t, escaped.Put(spec.KindService, "c", service("c")), errClosed)
		require.ErrorIs(t, escaped.Delete(spec.KindService, "a"), errClosed)
		require.Len(t, load(t, s, nil).Document.Services, 2)
	})
}

func TestAServiceMadeAgainUnderAnOldNameHasANewOrigin(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		changed := service("a")
		changed.Title = "changed"
		put(t, s, spec.KindService, "a", changed)
		require.Equal(t, uint64(1), load(t, s, nil).Document.Services[0].Origin)
		row, err := s.Get(t.Context(), key(spec.KindService, "a"))
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2}, []uint64{row.Origin, row.Revision})

		publish(t, s, func(d *Draft) error { return d.Delete(spec.KindService, "a") })
		put(t, s, spec.KindService, "a", service("a"))
		require.Equal(t, uint64(4), load(t, s, nil).Document.Services[0].Origin)

		publish(t, s, func(d *Draft) error {
			return errors.Join(d.Delete(spec.KindService, "a"), d.Put(spec.KindService, "a", service("a")))
		})
		row, err = s.Get(t.Context(), key(spec.KindService, "a"))
		require.NoError(t, err)
		require.Equal(t, []uint64{5, 5}, []uint64{row.Origin, row.Revision})
		require.Equal(t, 1, count(t, s, "entries"))
	})
}

func TestCredentialsSurviveAPutOfTheirTenantAndGoWithIt(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		credential := &spec.Credential{ID: "c1", Secret: ptr(spec.NewSecret("x"))}
		_, err := s.Publish(t.Context(), cli, "", func(d *Draft) error { return d.Put(spec.KindCredential, "app_a/c1", credential) })
		require.ErrorIs(t, err, ErrNotFound)
		publish(t, s, func(d *Draft) error {
			return errors.Join(d.Put(spec.KindTenant, "app_a", &spec.Tenant{AppID: "app_a"}), d.Put(spec.KindCredential, "app_a/c1", credential),
				d.Put(spec.KindTenant, "app_a2", &spec.Tenant{AppID: "app_a2"}), d.Put(spec.KindCredential, "app_a2/c1", credential))
		})
		put(t, s, spec.KindTenant, "app_a", &spec.Tenant{AppID: "app_a", Name: "renamed"})
		tenant := load(t, s, nil).Document.Tenants[0]
		require.Equal(t, "renamed", tenant.Name)
		require.Len(t, tenant.Credentials, 1)
		r := publish(t, s, func(d *Draft) error { return d.Delete(spec.KindTenant, "app_a") })
		require.Equal(t, 2, r.Removed)
		require.Equal(t, []ChangeRef{{spec.KindCredential, "app_a/c1", "removed"}, {spec.KindTenant, "app_a", "removed"}}, r.Changes)
		left := load(t, s, NewCache())
		require.Len(t, left.Document.Tenants, 1)
		require.Len(t, left.Document.Tenants[0].Credentials, 1)
		require.Empty(t, left.Faults)
	})
}

func TestPutRefusesWhatIsNotThatObject(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		publish(t, s, func(d *Draft) error {
			require.Error(t, d.Put(spec.KindService, "a", service("b")))
			require.Error(t, d.Put(spec.KindTenant, "a", service("a")))
			require.Error(t, d.Put(spec.KindBlacklist, "203.0.113.7/24", &spec.BlacklistRule{CIDR: "203.0.113.7/24"}))
			require.Error(t, d.Put(spec.KindCredential, "a/c", service("a")))
			require.Error(t, d.Put("bucket", "a", service("a")))
			require.ErrorIs(t, d.Delete(spec.KindService, "a"), ErrNotFound)
			return nil
		})
		require.Zero(t, count(t, s, "objects"))
	})
}

func TestRevisionsTellWhatWasChangedByWhom(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		by := Principal{Kind: "session", Account: "zoë", Address: "192.0.2.1", RequestID: "q"}
		r, err := s.Publish(t.Context(), by, "two things", func(d *Draft) error {
			return errors.Join(d.Delete(spec.KindService, "a"), d.Put(spec.KindTenant, "t", &spec.Tenant{AppID: "t"}))
		})
		require.NoError(t, err)
		recently(t, r.At)
		h, err := s.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, Revision{Number: 2, Digest: h.Digest, Parent: 1, At: r.At, Account: "zoë", Message: "two things", Added: 1, Removed: 1,
			Changes: []ChangeRef{{spec.KindService, "a", "removed"}, {spec.KindTenant, "t", "added"}}}, r)
		got, err := s.Revision(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, r, got)
		_, err = s.Revision(t.Context(), 3)
		require.ErrorIs(t, err, ErrNotFound)

		page1, total, err := s.Revisions(t.Context(), 1, 1)
		require.NoError(t, err)
		require.Equal(t, []Revision{r}, page1)
		require.Equal(t, int64(2), total)
		page2, total, err := s.Revisions(t.Context(), 2, 1)
		require.NoError(t, err)
		require.Equal(t, uint64(1), page2[0].Number)
		require.Equal(t, int64(2), total)

		for n, want := range []int{0, 1, 0} {
			d, err := s.DocumentAt(t.Context(), uint64(n))
			require.NoError(t, err)
			require.Len(t, d.Services, want)
		}
		_, err = s.DocumentAt(t.Context(), 9)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

// Two dashboards on one database: every save is there in the end, and each
// revision holds exactly what the saves before it made.
func TestConcurrentSavesOfTwoStoresLoseNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		stores := []*Store{s, open(t, s.config)}
		const writers, saves = 6, 25
		counters := []string{"x", "y", "z"} // everybody adds to these
		var wg sync.WaitGroup
		var mu sync.Mutex
		want := map[string]int{}
		made := map[string]bool{}
		for w := range writers {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(w), 1))
				for i := range saves {
					shared := counters[random.IntN(len(counters))]
					own := fmt.Sprintf("w%d-%d", w, random.IntN(10))
					drop := random.IntN(4) == 0
					_, err := stores[w%2].Publish(t.Context(), cli, fmt.Sprint(w, i), func(d *Draft) error {
						n := 0
						if v, ok := d.Get(key(spec.KindTenant, shared)); ok {
							fmt.Sscan(v.(*spec.Tenant).Name, &n)
						}
						if err := d.Put(spec.KindTenant, shared, &spec.Tenant{AppID: shared, Name: fmt.Sprint(n + 1)}); err != nil {
							return err
						}
						if drop {
							if err := d.Delete(spec.KindService, own); !errors.Is(err, ErrNotFound) {
								return err
							}
							return nil
						}
						changed := service(own)
						changed.Description = fmt.Sprint(i)
						return d.Put(spec.KindService, own, changed)
					})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					want[shared]++
					made[own] = !drop
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		h, err := s.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(writers*saves), h.Number)
		for _, reader := range []*Store{s, stores[1], open(t, s.config)} {
			d := load(t, reader, NewCache()).Document
			for _, tenant := range d.Tenants {
				require.Equal(t, fmt.Sprint(want[tenant.AppID]), tenant.Name)
			}
			left := map[string]bool{}
			for _, one := range d.Services {
				left[one.Name] = true
			}
			for name, there := range made {
				require.Equal(t, there, left[name], name)
			}
		}
		require.Equal(t, writers*saves, count(t, s, "revisions"))
		whole(t, s)
	})
}

// whole checks that every revision kept can be read, that nothing else is
// kept, and that list rows say what the document says.
func whole(t *testing.T, s *Store) {
	t.Helper()
	fresh := open(t, s.config)
	named := map[string]bool{}
	for n := 1; ; n++ {
		revisions, _, err := fresh.Revisions(t.Context(), n, 200)
		require.NoError(t, err)
		if len(revisions) == 0 {
			break
		}
		for _, r := range revisions {
			fresh.latest.Store(nil) // read everything from the database
			st, err := fresh.load(fresh.db, r.Digest, nil)
			require.NoError(t, err, "revision %d", r.Number)
			require.Empty(t, st.faults())
			named[r.Digest] = true
			for _, of := range st.tree {
				for _, b := range of {
					if b != nil {
						named[b.digest] = true
						for _, l := range b.leaves {
							named[l.digest] = true
						}
					}
				}
			}
		}
	}
	require.Equal(t, len(named), count(t, s, "objects"))
	snapshot := load(t, fresh, NewCache())
	entries := map[spec.Key]string{}
	var rows []entryRow
	require.NoError(t, s.db.Find(&rows).Error)
	for _, row := range rows {
		entries[key(spec.Kind(row.Kind), row.Name)] = row.Digest
	}
	require.Equal(t, snapshot.Digests, entries)
}

func TestPruningKeepsWhatTheKeptRevisionsNeedAndNothingElse(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		s.keep = retention{revisions: 10, time: 0}
		random := rand.New(rand.NewPCG(7, 7))
		hash := spec.HashSecret("same")
		for range 80 {
			publish(t, s, func(d *Draft) error {
				for range 1 + random.IntN(4) {
					name := fmt.Sprintf("s%d", random.IntN(6))
					switch random.IntN(4) {
					case 0:
						_ = d.Delete(spec.KindService, name)
					case 1: // back and forth among few forms: old objects come to life again
						changed := service(name)
						changed.Title = fmt.Sprint(random.IntN(2))
						if err := d.Put(spec.KindService, name, changed); err != nil {
							return err
						}
					case 2: // the same bytes under several names
						app := fmt.Sprintf("t%d", random.IntN(3))
						if err := d.Put(spec.KindTenant, app, &spec.Tenant{AppID: app}); err != nil {
							return err
						}
						if err := d.Put(spec.KindCredential, app+"/c", &spec.Credential{ID: "c", SecretHash: hash}); err != nil {
							return err
						}
					case 3:
						_ = d.Delete(spec.KindTenant, fmt.Sprintf("t%d", random.IntN(3)))
					}
				}
				return nil
			})
			whole(t, s)
		}
		require.Equal(t, 10, count(t, s, "revisions"))
		_, err := s.DocumentAt(t.Context(), 1)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestRevisionsYoungerThanTheTimeToKeepStay(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		s.keep = retention{revisions: 3, time: time.Hour}
		for i := range 6 {
			put(t, s, spec.KindService, "a", &spec.Service{Name: "a", Protocol: "http", Title: fmt.Sprint(i)})
		}
		require.Equal(t, 6, count(t, s, "revisions"))
		_, err := s.pool.Exec("UPDATE revisions SET at = ? WHERE number <= 2", time.Now().Add(-2*time.Hour))
		require.NoError(t, err)
		put(t, s, spec.KindService, "a", &spec.Service{Name: "a", Protocol: "http", Title: "last"})
		require.Equal(t, 5, count(t, s, "revisions"))
		whole(t, s)
	})
}

func TestADamagedOrMissingObjectIsAnErrorAndOneOfTheFutureAFault(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		put(t, s, spec.KindService, "b", service("b"))
		snapshot := load(t, s, nil)
		digest := snapshot.Digests[key(spec.KindService, "a")]

		// A newer dashboard writes what this one does not understand.
		text := []byte(`{"schema":1,"origin":1,"needs":["time-travel"],"spec":{}}`)
		future := spec.Digest(text)
		leaves := []leaf{{name: "a", digest: future}}
		st, err := s.load(s.db, snapshot.Head.Digest, nil)
		require.NoError(t, err)
		b := &bucket{leaves: leaves}
		b.digest = spec.Digest(b.text())
		st.tree[spec.KindService][bucketOf(key(spec.KindService, "a"))] = b
		root := st.tree.root()
		require.NoError(t, s.db.Create([]objectRow{{Digest: future, Bytes: text}, {Digest: b.digest, Bytes: b.text()}, {Digest: spec.Digest(root), Bytes: root}}).Error)
		reader := open(t, s.config)
		newer, err := reader.Load(t.Context(), Head{Digest: spec.Digest(root)}, NewCache())
		require.NoError(t, err)
		require.Len(t, newer.Document.Services, 1)
		require.Len(t, newer.Faults, 1)
		var needs *spec.NeedsError
		require.ErrorAs(t, newer.Faults[0].Err, &needs)
		require.Equal(t, future, newer.Digests[key(spec.KindService, "a")])

		_, err = s.pool.Exec("UPDATE objects SET bytes = 'x' WHERE digest = ?", digest)
		require.NoError(t, err)
		_, err = reader.Load(t.Context(), snapshot.Head, NewCache())
		require.ErrorContains(t, err, "damaged")
		_, err = s.pool.Exec("DELETE FROM objects WHERE digest = ?", digest)
		require.NoError(t, err)
		_, err = reader.Load(t.Context(), snapshot.Head, NewCache())
		require.ErrorContains(t, err, "missing")
	})
}

func TestAStoreForReadingWritesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		put(t, s, spec.KindService, "a", service("a"))
		c := s.config
		c.ReadOnly = true
		reader := open(t, c)
		require.Len(t, load(t, reader, NewCache()).Document.Services, 1)
		_, err := reader.Publish(t.Context(), cli, "", func(d *Draft) error { return d.Delete(spec.KindService, "a") })
		require.ErrorContains(t, err, "reading only")
	})
}

func TestACancelledPublishGivesTheLockBack(t *testing.T) {
	forEach(t, func(t *testing.T, s *Store) {
		other := open(t, s.config)
		inside := make(chan struct{})
		finish := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := s.Publish(t.Context(), cli, "", func(d *Draft) error {
				close(inside)
				<-finish
				return d.Put(spec.KindService, "a", service("a"))
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-inside
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		for _, waiting := range []*Store{s, other} {
			_, err := waiting.Publish(ctx, cli, "", func(d *Draft) error { return d.Put(spec.KindService, "b", service("b")) })
			require.Error(t, err)
		}
		close(finish)
		wg.Wait()
		put(t, other, spec.KindService, "c", service("c"))
		require.Len(t, load(t, s, NewCache()).Document.Services, 2)
	})
}
