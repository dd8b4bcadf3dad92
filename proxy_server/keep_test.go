package proxyserver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yumen/flow"
	"yumen/generation"
	"yumen/kv"
	"yumen/middleware"
	"yumen/spec"
)

func keyring(t *testing.T) *spec.Keyring {
	t.Helper()
	key, err := spec.ParseMasterKey(spec.GenerateMasterKey())
	require.NoError(t, err)
	ring, err := spec.NewKeyring(spec.KeyID(key), map[string][]byte{spec.KeyID(key): key})
	require.NoError(t, err)
	return ring
}

func document(t *testing.T, yaml string) *spec.Document {
	t.Helper()
	d := new(spec.Document)
	require.NoError(t, spec.ParseYAML([]byte(yaml), d))
	return d
}

const someDocument = `
services:
- {name: a, protocol: http, routes: [{path: {prefix: /a}}], upstream: {targets: [{address: "127.0.0.1:9"}]}}
- {name: b, protocol: tcp, listen: {port: 8001}, upstream: {targets: [{address: "127.0.0.1:9"}]}}
tenants:
- {app_id: app, credentials: [{id: c1, secret: canary-of-a-secret}]}
blacklist: [{cidr: 192.0.2.0/24}]
settings: {time_zone: Asia/Shanghai}
`

func TestLastGoodStateComesBackAsItWasWithSecretsSealed(t *testing.T) {
	l := &lastGood{path: filepath.Join(t.TempDir(), "last-good.json"), ring: keyring(t)}
	src, err := l.load()
	require.NoError(t, err)
	require.Nil(t, src, "nothing yet")

	d := document(t, someDocument)
	key, err := middleware.NewSigningKey("HS256", time.Now())
	require.NoError(t, err)
	d.Keys = []spec.SigningKey{key}
	head := generation.Head{Lineage: "l", Number: 7, Digest: "d"}
	digests := map[spec.Key]string{{Kind: spec.KindService, Name: "a"}: "as the store has it"}
	left, err := l.save(head, d, digests)
	require.NoError(t, err)
	require.Empty(t, left)

	text, err := os.ReadFile(l.path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "canary-of-a-secret")
	require.NotContains(t, string(text), key.Private.Reveal())
	info, err := os.Stat(l.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	src, err = l.load()
	require.NoError(t, err)
	require.Equal(t, head, src.Head)
	require.Empty(t, src.Faults)
	require.Equal(t, "as the store has it", src.Digests[spec.Key{Kind: spec.KindService, Name: "a"}])
	require.Equal(t, d.Services, src.Document.Services)
	require.Equal(t, d.Settings, src.Document.Settings)
	require.Equal(t, d.Blacklist, src.Document.Blacklist)
	require.Equal(t, key.Private.Reveal(), src.Document.Keys[0].Private.Reveal())
	require.True(t, spec.VerifySecret(src.Document.Tenants[0].Credentials[0].SecretHash, "canary-of-a-secret"))
}

func TestWithoutAMasterKeyOnlyWhatNeedsItIsLeftOut(t *testing.T) {
	l := &lastGood{path: filepath.Join(t.TempDir(), "last-good.json")}
	d := document(t, someDocument)
	key, err := middleware.NewSigningKey("HS256", time.Now())
	require.NoError(t, err)
	d.Keys = []spec.SigningKey{key}
	left, err := l.save(generation.Head{}, d, nil)
	require.NoError(t, err)
	require.Equal(t, []spec.Key{{Kind: spec.KindKey, Name: key.ID}}, left)
	src, err := l.load()
	require.NoError(t, err)
	require.Empty(t, src.Document.Keys)
	require.Len(t, src.Document.Services, 2)
}

func TestATornLastGoodStateIsAnErrorAndNoDocument(t *testing.T) {
	l := &lastGood{path: filepath.Join(t.TempDir(), "last-good.json")}
	for _, text := range []string{"", "{", `{"schema":99}`} {
		require.NoError(t, os.WriteFile(l.path, []byte(text), 0o600))
		_, err := l.load()
		require.Error(t, err, "%q", text)
	}
}

func TestSpooledCountsAreDeliveredOnceAndUnderTheirOwnName(t *testing.T) {
	e, err := kv.StartEmbedded()
	require.NoError(t, err)
	t.Cleanup(e.Close)
	redis := kv.Open(e.Config(), nil)
	t.Cleanup(func() { redis.Close() })

	s := spool{dir: filepath.Join(t.TempDir(), "spool")}
	require.NoError(t, s.deliver(t.Context(), redis), "nothing yet")
	day := time.Now().UTC().Format(time.DateOnly)
	require.NoError(t, s.save("old", []flow.Bucket{{Step: flow.Day, Name: day, Counts: map[string]string{"total": "n=3"}}}))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "torn"+spoolSuffix), []byte("{"), 0o600))
	require.NoError(t, s.deliver(t.Context(), redis))

	got, err := redis.ReadBucket(t.Context(), kv.StepDay, day)
	require.NoError(t, err)
	require.Equal(t, map[string]map[string]string{"old": {"total": "n=3"}}, got)
	left, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "what could not be read is kept for a person")
	require.Equal(t, "torn"+spoolSuffix+".unreadable", left[0].Name())
}

func TestCountsAreWrittenInPieces(t *testing.T) {
	all := []kv.Counts{
		{Step: "hour", Bucket: "1", Subjects: map[string]string{"a": "1", "b": "2", "c": "3"}},
		{Step: "day", Bucket: "2", Subjects: map[string]string{"a": "1", "d": "4"}},
	}
	for _, n := range []int{1, 2, 3, 100} {
		seen := map[string]string{}
		for _, piece := range pieces(all, n) {
			size := 0
			for _, c := range piece {
				size += len(c.Subjects)
				for subject, text := range c.Subjects {
					seen[c.Step+c.Bucket+subject] = text
				}
			}
			require.LessOrEqual(t, size, n)
		}
		require.Equal(t, map[string]string{"hour1a": "1", "hour1b": "2", "hour1c": "3", "day2a": "1", "day2d": "4"}, seen)
	}
	require.Len(t, pieces(nil, 5), 1, "a mark alone is a write too")
}

func TestAStateDirectoryBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	first := &Server{conf: Config{State: dir, Document: "x"}}
	require.NoError(t, first.openState())
	require.NotNil(t, first.ring, "file mode makes a master key of its own")
	second := &Server{conf: Config{State: dir, Document: "x"}}
	require.ErrorContains(t, second.openState(), "another process uses it")
	first.closeState()
	require.NoError(t, second.openState())
	require.Equal(t, first.ring.PrimaryID(), second.ring.PrimaryID())
	second.closeState()
}

func TestOwnClockIsCorrectedByRedisUnlessAskingTookTooLong(t *testing.T) {
	var c clock
	now := time.Now()
	c.correct(now.Add(time.Hour), now, now.Add(100*time.Millisecond))
	require.Equal(t, time.Hour-50*time.Millisecond, c.ahead())
	c.correct(now, now, now.Add(time.Second))
	require.Equal(t, time.Hour-50*time.Millisecond, c.ahead())
}
