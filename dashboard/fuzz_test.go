package dashboard

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"yumen/spec"
)

func FuzzReadOnlyMembersAreCutAndNothingElse(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","protocol":"http","meta":{"revision":1,"etag":"","created_at":"2026-01-01T00:00:00Z","created_by":"","updated_at":"2026-01-01T00:00:00Z","updated_by":""}}`,
		`{"meta":null,"meta":null}`, `{"meta":{"x":1}}`, `{"a":1} {}`, `[]`, ``, `{"meta":`, "{\"\xff\":1,\"status\":{}}", `{"title":"\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rest, err := withoutReadOnly(b, new(spec.Service))
		if err != nil {
			problemOf(err)
			return
		}
		strict, lenient := new(spec.Service), map[string]json.RawMessage{}
		if spec.ParseJSON(rest, strict) != nil {
			return
		}
		// What is taken was JSON all along, and said nothing else.
		require.NoError(t, json.Unmarshal(b, &lenient), "%q", b)
		for _, name := range []string{"meta", "status", "effective"} {
			delete(lenient, name)
		}
		again := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(rest, &again))
		require.Len(t, again, len(lenient), "%q", b)
	})
}

func FuzzATornPasswordHashIsNeverRight(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg", "password")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$", "")
	f.Add("plain", "plain")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, hash, password string) {
		if ok, err := verifyPassword(hash, password); err != nil {
			require.False(t, ok)
		}
	})
}

func FuzzListsOfServicesAreBounded(f *testing.F) {
	f.Add("a,b,,a")
	f.Add(",")
	f.Fuzz(func(t *testing.T, list string) {
		names, err := followed(list)
		if err == nil {
			require.LessOrEqual(t, len(names), maxSize)
		}
	})
}

func FuzzPlacesAreTakenApart(f *testing.F) {
	f.Add("/services/3/upstream/targets/0")
	f.Add("/")
	f.Add("services/x")
	f.Fuzz(func(t *testing.T, field string) {
		d := &spec.Document{Services: []spec.Service{{Name: "a/b~c"}}}
		_ = nameIn(field, d)
		_, index, _ := splitPlace(field)
		require.GreaterOrEqual(t, index, -1)
	})
}
