package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func keyring(t testing.TB, texts ...string) *Keyring {
	t.Helper()
	keys := map[string][]byte{}
	var primary string
	for i, text := range texts {
		key, err := ParseMasterKey(text)
		require.NoError(t, err)
		if keys[KeyID(key)] = key; i == 0 {
			primary = KeyID(key)
		}
	}
	r, err := NewKeyring(primary, keys)
	require.NoError(t, err)
	return r
}

const canary = "canary-4711-do-not-show"

// storable is the whole document with a signing key and known origins.
func storable(t testing.TB) *Document {
	t.Helper()
	d := wholeDocument(t)
	d.Keys = []SigningKey{{ID: "k1", Algorithm: "EdDSA", Private: NewSecret(canary), CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	for i := range d.Services {
		d.Services[i].Origin = uint64(10 + i)
	}
	d.Tenants[0].Origin = 7
	return d
}

func TestDocumentComesBackFromTheStoreAsItWasWritten(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	d := storable(t)
	objects, err := Split(d, r)
	require.NoError(t, err)
	var names []string
	for _, o := range objects {
		names = append(names, o.Key().String())
	}
	require.Equal(t, []string{"blacklist/203.0.113.0/24", "credential/app_a/c1", "credential/app_a/c2", "key/k1",
		"service/db", "service/hello", "service/orders", "settings/settings", "tenant/app_a"}, names)
	rand.Shuffle(len(objects), func(i, k int) { objects[i], objects[k] = objects[k], objects[i] })
	back, faults := Assemble(objects, r)
	require.Empty(t, faults)

	plain := d.Tenants[0].Credentials[1].Secret.Reveal()
	stored := back.Tenants[0].Credentials[1]
	require.True(t, VerifySecret(stored.SecretHash, plain))
	require.False(t, VerifySecret(stored.SecretHash, plain+"x"))
	d.Tenants[0].Credentials[1] = stored
	d.Services = []Service{d.Services[1], d.Services[2], d.Services[0]} // by name
	require.Equal(t, d, back)
	require.Nil(t, Diff(d, back))
	require.Equal(t, uint64(11), back.Services[0].Origin)
}

func TestSameDocumentMakesTheSameBytes(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	one, err := Split(storable(t), r)
	require.NoError(t, err)
	two, err := Split(storable(t), r)
	require.NoError(t, err)
	require.Equal(t, one, two)
}

func TestStoredFormIsSparse(t *testing.T) {
	o, err := Encode(KindService, Service{Name: "a", Protocol: "http", Tags: []string{}}, 12, nil)
	require.NoError(t, err)
	require.Equal(t, `{"schema":1,"origin":12,"spec":{"name":"a","protocol":"http","tags":[]}}`, string(o.Bytes))
	require.Equal(t, Digest(o.Bytes), o.Digest)
	require.Len(t, o.Digest, 64)
}

func TestBlacklistRulesAreStoredInCanonicalForm(t *testing.T) {
	o, err := Encode(KindBlacklist, &BlacklistRule{CIDR: "::ffff:192.0.2.77/120"}, 0, nil)
	require.NoError(t, err)
	require.Equal(t, "192.0.2.0/24", o.Name)
	require.Contains(t, string(o.Bytes), `"192.0.2.0/24"`)
	_, err = Encode(KindBlacklist, BlacklistRule{CIDR: "x"}, 0, nil)
	require.Error(t, err)
}

func TestTenantsAreStoredWithoutTheirCredentials(t *testing.T) {
	tenant := Tenant{AppID: "a", Credentials: []Credential{{ID: "c", SecretHash: HashSecret("x")}}}
	o, err := Encode(KindTenant, &tenant, 0, nil)
	require.NoError(t, err)
	require.NotContains(t, string(o.Bytes), "credentials")
	require.Len(t, tenant.Credentials, 1, "the caller's is untouched")
}

func TestNothingIsEncodedUnderAnotherName(t *testing.T) {
	_, err := Encode(KindTenant, Service{Name: "a"}, 0, nil)
	require.Error(t, err)
	_, err = EncodeAs(Key{KindService, "b"}, Service{Name: "a"}, 0, nil)
	require.Error(t, err)
	_, err = Encode(KindCredential, Credential{ID: "c", SecretHash: HashSecret("x")}, 0, nil)
	require.Error(t, err)
	_, err = EncodeAs(Key{KindCredential, "a/d"}, Credential{ID: "c", SecretHash: HashSecret("x")}, 0, nil)
	require.Error(t, err)
	_, err = EncodeCredential("a", Credential{ID: "c", Secret: &Secret{form: secretRedacted}}, 0)
	require.Error(t, err)
	_, err = Encode(KindService, 5, 0, nil)
	require.Error(t, err)
	_, err = Split(&Document{Services: []Service{{Name: "a"}, {Name: "a"}}}, nil)
	require.Error(t, err)
}

func TestWhatCannotBeReadIsAFaultAndHarmsNothingElse(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	objects, err := Split(storable(t), r)
	require.NoError(t, err)
	spoil := func(key string, by func(*Object)) {
		for i := range objects {
			if objects[i].Key().String() == key {
				by(&objects[i])
				return
			}
		}
		t.Fatal(key)
	}
	spoil("service/db", func(o *Object) { o.Bytes = o.Bytes[:len(o.Bytes)-1] })
	spoil("service/hello", func(o *Object) {
		o.Bytes, o.Digest = bytes.Replace(o.Bytes, []byte(`"name":"hello"`), []byte(`"name":"olleh"`), 1), ""
	})
	spoil("blacklist/203.0.113.0/24", func(o *Object) {
		o.Bytes, o.Digest = []byte(`{"schema":1,"origin":0,"needs":["geo"],"spec":{"country":"xx"}}`), ""
	})
	spoil("tenant/app_a", func(o *Object) { o.Bytes, o.Digest = []byte(`{"schema":1,"spec":{"app_id":"app_a","x":1}}`), "" })
	objects = append(objects, objects[len(objects)-2]) // settings, twice
	d, faults := Assemble(objects, r)
	require.Len(t, d.Services, 1)
	require.NotNil(t, d.Settings)
	require.Len(t, d.Keys, 1)
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Error())
	}
	require.Equal(t, []string{
		"blacklist/203.0.113.0/24: needs a newer yumen: geo",
		`credential/app_a/c1: no tenant "app_a"`,
		`credential/app_a/c2: no tenant "app_a"`,
		"service/db: bytes are not those of the digest",
		`service/hello: says its name is "olleh"`,
		"settings/settings: is there twice",
		"tenant/app_a: /x: unknown field",
	}, lines)
	var needs *NeedsError
	require.ErrorAs(t, faults[0], &needs)
	require.Equal(t, []string{"geo"}, needs.Needs)
}

func TestWhatANewerYumenWroteIsTold(t *testing.T) {
	for text, needs := range map[string][]string{
		`{"schema":2,"origin":0,"spec":{"name":5}}`:                {"schema 2"},
		`{"schema":1,"origin":0,"needs":["a","b"],"spec":{"x":1}}`: {"a", "b"},
		`{"schema":1,"origin":0,"codec":"z","spec":{}}`:            {"envelope codec"},
	} {
		_, _, err := Decode(Object{Kind: KindService, Name: "a", Bytes: []byte(text)}, nil)
		var e *NeedsError
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, needs, e.Needs)
	}
	_, _, err := Decode(Object{Kind: "certificate", Name: "a", Bytes: []byte(`{"schema":1,"spec":{}}`)}, nil)
	require.ErrorAs(t, err, new(*NeedsError))
}

func TestTornEnvelopesAreRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{}", `{"schema":1}`, `{"spec":{}}`, `{"schema":0,"spec":{}}`, `{"schema":"1","spec":{}}`, `{"schema":1,"spec":null}`, `{"schema":1,"spec":[]}`, `{"schema":1,"origin":-1,"spec":{"name":"a"}}`} {
		_, _, err := Decode(Object{Kind: KindService, Name: "a", Bytes: []byte(text)}, nil)
		require.Error(t, err, text)
		require.False(t, errors.As(err, new(*NeedsError)), text)
	}
}

func TestSecretsAreSealedInTheStore(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	objects, err := Split(storable(t), r)
	require.NoError(t, err)
	for _, o := range objects {
		require.NotContains(t, string(o.Bytes), canary)
		require.NotContains(t, string(o.Bytes), "a plain secret")
		if o.Kind == KindKey {
			require.Contains(t, string(o.Bytes), `"private":"enc:v1:`+r.PrimaryID()+`:`)
		}
	}
	_, err = Split(storable(t), nil)
	require.ErrorIs(t, err, ErrNoKey)
}

func TestMissingMasterKeyIsNamedAndLeavesOutOnlyWhatNeedsIt(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	objects, err := Split(storable(t), r)
	require.NoError(t, err)
	d, faults := Assemble(objects, nil)
	require.Len(t, faults, 1)
	require.ErrorIs(t, faults[0], ErrNoKey)
	require.Len(t, d.Services, 3)
	require.Empty(t, d.Keys)

	_, faults = Assemble(objects, keyring(t, GenerateMasterKey()))
	require.Len(t, faults, 1)
	var unknown *UnknownKeyError
	require.ErrorAs(t, faults[0], &unknown)
	require.Equal(t, r.PrimaryID(), unknown.ID)
	require.Contains(t, faults[0].Error(), r.PrimaryID())
}

func TestOldMasterKeysOpenAndTheFirstSeals(t *testing.T) {
	old, now := GenerateMasterKey(), GenerateMasterKey()
	sealed, err := keyring(t, old).Seal("x", "key/k1")
	require.NoError(t, err)
	both := keyring(t, now, old)
	plain, err := both.Open(sealed, "key/k1")
	require.NoError(t, err)
	require.Equal(t, "x", plain)
	again, err := both.Seal("x", "key/k1")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(again, "enc:v1:"+keyring(t, now).PrimaryID()+":"))
	require.Len(t, both.IDs(), 2)
}

func TestSealedSecretsOpenOnlyWhereTheyWereSealed(t *testing.T) {
	r := keyring(t, GenerateMasterKey())
	sealed, err := r.Seal("x", "key/k1")
	require.NoError(t, err)
	_, err = r.Open(sealed, "key/k2")
	require.Error(t, err)
	other, err := r.Seal("x", "key/k2")
	require.NoError(t, err)
	require.NotEqual(t, sealed, other)
	for _, bad := range []string{"", "x", "enc:v1:", sealed[:len(sealed)-4], sealed[:len(sealed)-1] + "!", sealed + "AAAA", "enc:v2" + sealed[6:], "enc:v1:" + r.PrimaryID(), "enc:v1:" + r.PrimaryID() + ":AAAA"} {
		_, err := r.Open(bad, "key/k1")
		require.Error(t, err, bad)
	}
}

func TestMasterKeysAreReadInTheFormsPeopleHaveThem(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	for _, text := range []string{
		"+/+/", "-_-_",
	} {
		full := strings.Repeat(text, 11)
		_, err := ParseMasterKey(full)
		require.Error(t, err, "33 bytes")
	}
	for _, text := range []string{
		strings.Repeat("fbff", 16), strings.Repeat("FBFF", 16),
		"+//7//v/+//7//v/+//7//v/+//7//v/+//7//v/+/8=", "-__7__v_-__7__v_-__7__v_-__7__v_-__7__v_-_8", " +//7//v/+//7//v/+//7//v/+//7//v/+//7//v/+/8=\n",
	} {
		got, err := ParseMasterKey(text)
		require.NoError(t, err, text)
		require.Equal(t, key, got, text)
	}
	for _, text := range []string{"", "short", strings.Repeat("zz", 32)} {
		_, err := ParseMasterKey(text)
		require.Error(t, err, text)
	}
	require.Len(t, KeyID(key), 8)
	_, err := NewKeyring("a", map[string][]byte{"a": key[1:]})
	require.Error(t, err)
	_, err = NewKeyring("b", map[string][]byte{"a": key})
	require.Error(t, err)
}

func TestSecretsShowThemselvesNowhere(t *testing.T) {
	s := NewSecret(canary)
	holder := struct {
		S Secret
		P *Secret
	}{s, &s}
	asJSON, err := json.Marshal(holder)
	require.NoError(t, err)
	asYAML, err := MarshalYAML(map[string]any{"s": s})
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "p", &s, "h", holder)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "h", holder)
	d := storable(t)
	changes, err := json.Marshal(Diff(nil, d))
	require.NoError(t, err)
	text := fmt.Sprintf("%s %v %+v %#v %q %x %d %v %+v %#v %s %s %s %s", s, s, s, s, s, s, s, holder, holder, holder, asJSON, asYAML, log.String(), changes)
	require.NotContains(t, text, canary)
	require.NotContains(t, text, fmt.Sprintf("%x", canary))
	require.NotContains(t, text, d.Tenants[0].Credentials[0].SecretHash)
	require.Equal(t, "***"+fingerprint(canary), s.String())
	require.Len(t, s.String(), 11)
	require.NotEqual(t, s.String(), NewSecret("other").String())
}

func TestRedactedSecretKeepsWhatIsThere(t *testing.T) {
	var c Credential
	require.NoError(t, ParseJSON([]byte(`{"id":"c","secret":"***01234567"}`), &c))
	require.True(t, c.Secret.IsRedacted())
	require.Equal(t, "", c.Secret.Reveal())
	var k SigningKey
	require.NoError(t, json.Unmarshal([]byte(`{"private":"***"}`), &k))
	require.True(t, k.Private.IsRedacted())
}

func TestSecretHashesAreSaltedAndVerified(t *testing.T) {
	plain := NewSecretText()
	require.Len(t, plain, 43)
	one, two := HashSecret(plain), HashSecret(plain)
	require.NotEqual(t, one, two)
	require.NotContains(t, one, plain)
	require.True(t, VerifySecret(one, plain))
	require.True(t, VerifySecret(two, plain))
	require.False(t, VerifySecret(one, plain+"x"))
	require.False(t, VerifySecret(HashSecret(""), ""), "an empty secret is never right")
	for _, hash := range []string{"", "x", plain, "hmac-sha256:", "hmac-sha256::", "hmac-sha256:AAAA:AAAA", one + "A", strings.Replace(one, "hmac-sha256", "md5", 1)} {
		require.False(t, VerifySecret(hash, plain), hash)
	}
}

func TestPrefixesHaveOneCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "192.0.2.77/24": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0", "2001:DB8::1": "2001:db8::1/128", "2001:db8::1/32": "2001:db8::/32",
		"::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:c000:201": "192.0.2.1/32", "::ffff:192.0.2.77/120": "192.0.2.0/24", "::ffff:0:0/96": "0.0.0.0/0", "::/0": "::/0",
	} {
		p, err := CanonicalPrefix(in)
		require.NoError(t, err, in)
		require.Equal(t, want, p.String(), in)
	}
	for _, in := range []string{"", "a", "192.0.2", "192.0.2.01", "192.0.2.1/33", "192.0.2.1/08", "192.0.2.1/", "192.0.2.1/-1", "192.0.2.1/24/24", "fe80::1%eth0", "fe80::%eth0/64", "::ffff:1.2.3.4/95", "1.2.3.4:80", " 1.2.3.4", "1.2.3.4\n", "0x7f.1"} {
		_, err := CanonicalPrefix(in)
		require.Error(t, err, in)
	}
}

func FuzzCanonicalPrefix(f *testing.F) {
	for _, s := range []string{"192.0.2.1/24", "::ffff:1.2.3.4/100", "fe80::1%a", "::/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := CanonicalPrefix(s)
		if err != nil {
			return
		}
		require.Equal(t, p, p.Masked())
		require.False(t, p.Addr().Is4In6())
		again, err := CanonicalPrefix(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
		if addr, err := netip.ParseAddr(s); err == nil {
			require.True(t, p.Contains(addr.Unmap()))
		}
	})
}

func FuzzDecode(f *testing.F) {
	objects, err := Split(storable(f), keyring(f, strings.Repeat("00", 32)))
	require.NoError(f, err)
	for _, o := range objects {
		f.Add(string(o.Kind), o.Name, o.Bytes)
	}
	f.Fuzz(func(t *testing.T, kind, name string, b []byte) {
		r := keyring(t, strings.Repeat("00", 32))
		v, origin, err := Decode(Object{Kind: Kind(kind), Name: name, Bytes: b}, r)
		if err != nil {
			require.Nil(t, v)
			return
		}
		if rule, ok := v.(*BlacklistRule); ok && canonical(rule.CIDR) != rule.CIDR {
			return // was not written by us
		}
		if c, ok := v.(*Credential); ok && c.Secret != nil {
			return // nor this
		}
		o, err := EncodeAs(Key{Kind(kind), name}, v, origin, r)
		require.NoError(t, err)
		back, _, err := Decode(o, r)
		require.NoError(t, err)
		require.Nil(t, DiffObject(o.Key(), v, back))
	})
}

func TestDurationsAndSizesAreWrittenInTheirShortestForm(t *testing.T) {
	for in, want := range map[string]string{"0": "0s", "0s": "0s", "90s": "1m30s", "60m": "1h", "1h0m0s": "1h", "24h": "24h", "1h30m": "1h30m", "1500ms": "1.5s", "10m": "10m", "1h0m1s": "1h0m1s"} {
		d, err := ParseDuration(in)
		require.NoError(t, err)
		require.Equal(t, want, d.String())
		back, err := ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, back)
	}
	for _, in := range []string{"", "2", "-1s", "-0s", "1d", "s", " 1s", "1s\n", "9999999999h"} {
		_, err := ParseDuration(in)
		require.Error(t, err, in)
	}
	for in, want := range map[string]string{"0": "0B", "1024": "1KiB", "64KiB": "64KiB", "1536KiB": "1536KiB", "1024KiB": "1MiB", "1000B": "1000B", "2TiB": "2TiB", "9223372036854775807": "9223372036854775807B"} {
		s, err := ParseSize(in)
		require.NoError(t, err, in)
		require.Equal(t, want, s.String())
		back, err := ParseSize(s.String())
		require.NoError(t, err)
		require.Equal(t, s, back)
	}
	for _, in := range []string{"", "KiB", "-1", "1.5KiB", "1KB", "1k", "1 KiB", "9223372036854775807KiB", "99999999999999999999", "1e3"} {
		_, err := ParseSize(in)
		require.Error(t, err, in)
	}
	var v struct {
		D Duration
		S Size
		N Size
	}
	require.NoError(t, json.Unmarshal([]byte(`{"D":"2s","S":"64KiB","N":5}`), &v))
	require.Equal(t, Size(5), v.N)
	out, err := json.Marshal(v)
	require.NoError(t, err)
	require.Equal(t, `{"D":"2s","S":"64KiB","N":"5B"}`, string(out))
}
