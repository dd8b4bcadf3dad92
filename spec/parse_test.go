package spec

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// whole is a document with every field.
func whole(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/whole.yaml")
	require.NoError(t, err)
	return b
}

func wholeDocument(t testing.TB) *Document {
	t.Helper()
	var d Document
	require.NoError(t, ParseYAML(whole(t), &d))
	return &d
}

var testPorts = Ports{Min: 8001, Max: 8999, Taken: map[int]string{8890: "admin"}}

// soon is the second that refusing may take, with room for a busy machine and
// the race detector.
const soon = 30 * time.Second

// faults are what is wrong, as "pointer code" lines.
func faults(err error) []string {
	var lines []string
	for _, e := range asErrors(err) {
		lines = append(lines, e.Field+" "+e.Code)
	}
	return lines
}

func parseFaults(text string) []string {
	var d Document
	return faults(ParseJSON([]byte(text), &d))
}

func TestWholeDocumentIsReadFromYAMLAndJSONAlike(t *testing.T) {
	fromYAML := wholeDocument(t)
	require.NoError(t, fromYAML.Validate(testPorts))
	asJSON, err := json.Marshal(fromYAML)
	require.NoError(t, err)
	var fromJSON Document
	require.NoError(t, ParseJSON([]byte(strings.Replace(string(asJSON), fromYAML.Tenants[0].Credentials[1].Secret.String(), "a plain secret of enough length", 1)), &fromJSON))
	require.Equal(t, fromYAML, &fromJSON)
}

func TestYAMLThatWasWrittenReadsBackTheSame(t *testing.T) {
	d := wholeDocument(t)
	d.Tenants[0].Credentials[1] = Credential{ID: "c2", SecretHash: HashSecret("x")} // a Secret writes itself redacted
	text, err := MarshalYAML(d)
	require.NoError(t, err)
	var back Document
	require.NoError(t, ParseYAML(text, &back), string(text))
	require.Equal(t, d, &back)
	require.True(t, strings.HasPrefix(string(text), "services:\n  - name: orders\n    protocol: http\n"), "order of the Go fields:\n%s", text)
}

func TestTextsThatOtherReadersTakeForNumbersAreWrittenInQuotes(t *testing.T) {
	for _, s := range []string{"yes", "NO", "on", "Off", "null", "~", "true", "010", "0x1F", "1_000", "12:30:45", "1e3", ".inf", "=", "", " a", "a: b", "# a", "-", "2026-01-01", "a\nb", "*.example.com", "é", "\u0085", "\u2028"} {
		text, err := MarshalYAML(map[string]string{"v": s})
		require.NoError(t, err)
		var ours, theirs map[string]any
		require.NoError(t, ParseYAML(text, &ours), "%q", text)
		require.NoError(t, yaml.Unmarshal(text, &theirs))
		require.Equal(t, s, ours["v"], "%q", text)
		require.Equal(t, s, theirs["v"], "%q", text)
	}
}

func TestEveryWrongFieldIsNamedByItsPointer(t *testing.T) {
	require.Equal(t, []string{
		"/services/0/nmae unknown_field",
		"/services/0/enabled wrong_type",
		"/services/1/upstream/targets/0/weight wrong_type",
		"/services/1/upstream/timeouts/connect bad_duration",
		"/services/1/headers/request/set/X~1A wrong_type",
		"/a~1b~0 unknown_field",
	}, parseFaults(`{"services":[
		{"nmae":"x","enabled":"yes"},
		{"upstream":{"targets":[{"address":"a:1","weight":1.5}],"timeouts":{"connect":"2"}},"headers":{"request":{"set":{"X/A":1}}}}
	],"a/b~":1}`))
}

func TestPlannedFieldsSayThatTheyAreNotSupportedYet(t *testing.T) {
	require.Equal(t, []string{"/services/0/cache not_supported", "/services/0/upstream/retries not_supported", "/certificates not_supported"},
		parseFaults(`{"services":[{"cache":{"enabled":true},"upstream":{"retries":{}}}],"certificates":[]}`))
}

func TestNoPlannedFieldIsThereAlready(t *testing.T) {
	for typ, names := range planned {
		for _, name := range names {
			require.NotContains(t, shapeOf(typ).byName, name, typ.Name())
		}
	}
}

func TestDuplicateKeysAreRefused(t *testing.T) {
	require.Equal(t, []string{"/services/0/name duplicate_key"}, parseFaults(`{"services":[{"name":"a","name":"b"}]}`))
	require.Equal(t, []string{"/services/0/headers/request/set/X duplicate_key"}, parseFaults(`{"services":[{"headers":{"request":{"set":{"X":"a","X":"b"}}}}]}`))
	var v any
	require.Equal(t, []string{"/a/b duplicate_key"}, faults(ParseJSON([]byte(`{"a":{"b":1,"b":2}}`), &v)))
	var d Document
	require.NotEmpty(t, faults(ParseYAML([]byte("settings:\n  time_zone: UTC\n  time_zone: UTC\n"), &d)))
}

func TestWhatIsNotJSONIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "{", "}", "[1", `{"a"}`, `{"a":}`, `{"a":1,}`, "[1,]", `{a:1}`, "01", "-", "1.", ".5", "1e", "+1", "0x1", "NaN", "tru", "nul",
		`"`, `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, "\"\x01\"", "\"\xff\"", "\"\\n\xff\"", "{} {}", "{}x", "\ufeff{}", "'a'", "// a\n{}", `"\`, `"a\u`,
	} {
		var v any
		require.Equal(t, []string{" bad_json"}, faults(ParseJSON([]byte(text), &v)), "%q", text)
	}
	var v any
	err := ParseJSON([]byte("{\n\"a\": 1,\n\"b\": x}"), &v)
	require.Equal(t, 3, asErrors(err)[0].Params["line"])
}

func TestJSONStringsAreReadAsTheyAreMeant(t *testing.T) {
	for _, text := range []string{`"a"`, `""`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\ud83d\ude00 é😀"`, `" \u0000 "`} {
		var ours, theirs string
		require.NoError(t, ParseJSON([]byte(text), &ours))
		require.NoError(t, json.Unmarshal([]byte(text), &theirs))
		require.Equal(t, theirs, ours)
	}
}

func TestDepthIsBounded(t *testing.T) {
	var v any
	require.NoError(t, ParseJSON([]byte(strings.Repeat("[", 32)+strings.Repeat("]", 32)), &v))
	require.Equal(t, []string{" too_deep"}, faults(ParseJSON([]byte(strings.Repeat("[", 33)+strings.Repeat("]", 33)), &v)))
	start := time.Now()
	require.Equal(t, []string{" too_deep"}, faults(ParseJSON([]byte(strings.Repeat("[", 10<<20)), &v)))
	require.Equal(t, []string{" too_deep"}, faults(ParseYAML([]byte(strings.Repeat("[", 40)+strings.Repeat("]", 40)), &v)))
	require.Less(t, time.Since(start), soon)
}

func TestValuesAreBoundedSoThatAHugeBodyIsRefusedInTime(t *testing.T) {
	body := []byte("[" + strings.Repeat("1,", 16<<20) + "1]")
	start := time.Now()
	var v any
	require.Equal(t, []string{" too_many"}, faults(ParseJSON(body, &v)))
	require.Less(t, time.Since(start), soon)
}

func TestErrorsAreBounded(t *testing.T) {
	var d Document
	err := ParseJSON([]byte("{"+strings.TrimSuffix(strings.Repeat(`"x":1,`, 100_000), ",")+"}"), &d)
	require.Len(t, asErrors(err), maxErrors)
}

func TestNullIsTheDefault(t *testing.T) {
	var s Service
	require.NoError(t, ParseJSON([]byte(`{"name":"a","enabled":null,"access":{"allow":null},"limits":null,"upstream":{"timeouts":{"connect":null}}}`), &s))
	require.Equal(t, Service{Name: "a", Access: &Access{}, Upstream: &Upstream{Timeouts: &Timeouts{}}}, s)
	require.Equal(t, []string{"/tags/0 required", "/headers/request/set/X required"}, faults(ParseJSON([]byte(`{"tags":[null],"headers":{"request":{"set":{"X":null}}}}`), &s)))
}

func TestAbsentAndEmptyListsStayApart(t *testing.T) {
	var s Service
	require.NoError(t, ParseJSON([]byte(`{"access":{"allow":[]}}`), &s))
	require.Equal(t, []string{}, s.Access.Allow)
	require.Nil(t, s.Access.Deny)
	out, err := json.Marshal(s.Access)
	require.NoError(t, err)
	require.Equal(t, `{"allow":[]}`, string(out))
}

func TestListWithNothingBehindItsColonIsRefusedInYAML(t *testing.T) {
	var s Service
	err := ParseYAML([]byte("name: a\naccess:\n  allow:\n"), &s)
	require.Equal(t, []string{"/access/allow required"}, faults(err))
	require.Equal(t, int32(3), asErrors(err)[0].Params["line"])
	require.NoError(t, ParseYAML([]byte("name: a\naccess:\n  allow: null\n"), &s))
}

func TestYAMLErrorsNameTheirLine(t *testing.T) {
	var d Document
	err := ParseYAML([]byte("services:\n- name: a\n  protocl: http\n- name: 5\n"), &d)
	require.EqualError(t, err, "/services/0/protocl (line 3): unknown field\n/services/1/name (line 4): should be a string, not a number: write it in quotes")
	err = ParseYAML([]byte("services:\n\t- a\n"), &d)
	require.Equal(t, []string{" bad_yaml"}, faults(err))
	require.Equal(t, 2, asErrors(err)[0].Params["line"])
}

func TestYAMLHasTheMeaningOfYAML12(t *testing.T) {
	for text, want := range map[string]any{
		"yes": "yes", "off": "off", "y": "y", "None": "None", "12:30:45": "12:30:45", "2026-01-01": "2026-01-01",
		"true": true, "FALSE": false, "null": nil, "~": nil, "0x1F": 31.0, "0o17": 15.0, "-5": -5.0, "+5": 5.0, "1e3": 1000.0, "1.50": 1.5,
		`"5"`: "5", "'true'": "true", "10.0.0.1": "10.0.0.1", "5s": "5s",
	} {
		var v map[string]any
		require.NoError(t, ParseYAML([]byte("v: "+text), &v), text)
		require.Equal(t, want, v["v"], text)
	}
}

func TestYAMLThatReadersUnderstandDifferentlyIsRefused(t *testing.T) {
	for _, text := range []string{
		"v: 010", "v: 1_000", "v: 0b11", "v: .inf", "v: .NaN", "v: 1e999", "v: &a 1", "a: &x 1\nb: *x", "v: !!str 1", "v: !x 1",
		"<<: {a: 1}", "? [a]\n: 1", "{}\n---\n{}", "", "# nothing", "a: 1\n- b", "*x", "\x00", "a: 1\n...\nb",
	} {
		var v any
		require.Equal(t, []string{" bad_yaml"}, faults(ParseYAML([]byte(text), &v)), "%q", text)
	}
}

func TestYAMLBombsAreRefusedAtOnce(t *testing.T) {
	bomb := "a: &a [x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	start := time.Now()
	var v any
	require.Equal(t, []string{" bad_yaml"}, faults(ParseYAML([]byte(bomb), &v)))
	require.Less(t, time.Since(start), soon)
}

func TestNumbersMustFit(t *testing.T) {
	var s Service
	require.Equal(t, []string{"/listen/port out_of_range", "/limits/service/rate out_of_range", "/limits/service/burst wrong_type"},
		faults(ParseJSON([]byte(`{"listen":{"port":99999999999999999999},"limits":{"service":{"rate":1e999,"burst":1e3}}}`), &s)))
	var small struct {
		A int8  `json:"a"`
		B uint8 `json:"b"`
	}
	err := ParseJSON([]byte(`{"a":128,"b":-1}`), &small)
	require.Equal(t, []string{"/a out_of_range", "/b out_of_range"}, faults(err))
	require.Equal(t, map[string]any{"min": int64(-128), "max": int64(127)}, asErrors(err)[0].Params)
	require.Equal(t, map[string]any{"min": 0, "max": uint64(255)}, asErrors(err)[1].Params)
}

func TestTimesMustBeRFC3339(t *testing.T) {
	var b BlacklistRule
	require.NoError(t, ParseJSON([]byte(`{"cidr":"192.0.2.1","expires_at":"2026-01-31T12:00:00+08:00"}`), &b))
	require.Equal(t, time.Date(2026, 1, 31, 4, 0, 0, 0, time.UTC), *b.ExpiresAt)
	for _, text := range []string{`"2026-01-31"`, `"tomorrow"`, `"0001-01-01T00:00:00Z"`, `""`} {
		require.Equal(t, []string{"/expires_at bad_time"}, faults(ParseJSON([]byte(`{"expires_at":`+text+`}`), &b)), text)
	}
	require.Equal(t, []string{"/expires_at wrong_type"}, faults(ParseJSON([]byte(`{"expires_at":5}`), &b)))
}

func TestEmbeddedStructsAndForeignTypesAreRead(t *testing.T) {
	var v struct {
		Service
		Meta any             `json:"meta"`
		Raw  json.RawMessage `json:"raw"`
		Size Size            `json:"size"`
	}
	require.NoError(t, ParseJSON([]byte(`{"name":"a","meta":{"revision":1,"x":[null,true,"y"]},"raw":{"b": [1, "\u0001é"]},"size":65536}`), &v))
	require.Equal(t, "a", v.Name)
	require.Equal(t, map[string]any{"revision": 1.0, "x": []any{nil, true, "y"}}, v.Meta)
	require.Equal(t, "{\"b\":[1,\"\\u0001é\"]}", string(v.Raw))
	require.Equal(t, Size(65536), v.Size)
}

func TestParsingIntoWhatCannotBeSetIsAnError(t *testing.T) {
	require.Error(t, ParseJSON([]byte(`{}`), Document{}))
	require.Error(t, ParseJSON([]byte(`{}`), nil))
}

func TestMergePatchFollowsTheExamplesOfRFC7396(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		got, err := MergePatch([]byte(c[0]), []byte(c[1]))
		require.NoError(t, err)
		require.Equal(t, c[2], string(got), "%s + %s", c[0], c[1])
	}
}

func TestMergePatchKeepsNumbersAndRefusesDuplicates(t *testing.T) {
	got, err := MergePatch([]byte(`{"qpd":9007199254740993,"x":"<&>"}`), []byte(`{"rate":0.10}`))
	require.NoError(t, err)
	require.Equal(t, `{"qpd":9007199254740993,"rate":0.10,"x":"<&>"}`, string(got))
	_, err = MergePatch([]byte(`{}`), []byte(`{"a":1,"a":2}`))
	require.Equal(t, []string{"/a duplicate_key"}, faults(err))
	_, err = MergePatch([]byte(`{}`), []byte(`{`))
	require.Equal(t, []string{" bad_json"}, faults(err))
}

func TestErrorsOfOneObjectAreFoundAmongAll(t *testing.T) {
	all := Errors{{Field: "/services/1/name"}, {Field: "/services/10/name"}, {Field: "/services/1"}}
	require.Equal(t, Errors{{Field: "/name"}, {Field: ""}}, all.Within("/services/1"))
	require.NoError(t, all.Within("/services/2").Err())
}

func TestEveryCodeIsListedOnce(t *testing.T) {
	source, err := os.ReadFile("invalid.go")
	require.NoError(t, err)
	var constants []string
	for _, found := range regexp.MustCompile(`(?m)^\tCode\w+\s+= "(\w+)"`).FindAllSubmatch(source, -1) {
		constants = append(constants, string(found[1]))
	}
	require.ElementsMatch(t, constants, Codes)
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"services":[{"name":"a","enabled":true}]}`, `{"a":"\ud83d\ude00"}`, `[1,-2.5e+3,null]`, "{", `{"settings":{"client":{"max_header":"1KiB"}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var ours, theirs any
		err := ParseJSON(b, &ours)
		if err == nil {
			require.NoError(t, json.Unmarshal(b, &theirs))
			require.Equal(t, theirs, ours)
		}
		var d Document
		if ParseJSON(b, &d) == nil {
			_ = d.Validate(testPorts)
			_ = d.Warnings()
			_ = Effective(d, "")
			text, err := MarshalYAML(&d)
			require.NoError(t, err)
			for _, tenant := range d.Tenants {
				if len(tenant.Credentials) > 0 {
					return // secrets write themselves redacted
				}
			}
			var back Document
			require.NoError(t, ParseYAML(text, &back), string(text))
			require.Nil(t, Diff(&d, &back))
		}
	})
}

func FuzzParseYAML(f *testing.F) {
	f.Add([]byte("services:\n- name: a\n  enabled: true\n"))
	f.Add([]byte("a: [1, 0x1F, 'x', \"y\", ~, .5]\n"))
	f.Add([]byte("a: |\n  b\n  c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		start := time.Now()
		err := ParseYAML(b, &v)
		require.Less(t, time.Since(start), soon)
		if err != nil {
			return
		}
		text, err := MarshalYAML(v)
		require.NoError(t, err)
		var back any
		require.NoError(t, ParseYAML(text, &back), "%q", text)
		require.Equal(t, v, back, "%q", text)
		var d Document
		if ParseYAML(b, &d) == nil {
			_ = d.Validate(testPorts)
		}
	})
}
