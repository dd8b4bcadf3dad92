package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Invalid is one thing wrong with what somebody wrote.
type Invalid struct {
	Field   string         `json:"field"` // JSON pointer (RFC 6901): "/services/0/upstream/targets/1/address"; "" is the whole
	Code    string         `json:"code"`  // one of Codes; what clients translate by
	Message string         `json:"message"`
	Params  map[string]any `json:"params,omitempty"` // the numbers and names in Message; "line" where a text was parsed

	cause error
}

// Unwrap is what lies behind it, where that is more than the text says.
func (e *Invalid) Unwrap() error { return e.cause }

// Error is the field with the message and, where known, the line.
func (e *Invalid) Error() string {
	field := e.Field
	if field == "" {
		field = "/"
	}
	if line, ok := e.Params["line"]; ok {
		return fmt.Sprintf("%s (line %v): %s", field, line, e.Message)
	}
	return field + ": " + e.Message
}

// Errors is everything found wrong at once; an empty one is no error (see
// Err).
type Errors []*Invalid

// Error is one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is each of them.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// Err is e as an error: nil when it is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Within returns the errors at or under a JSON pointer, with that pointer cut
// off: what is wrong with "/services/3" for the form of that service.
func (e Errors) Within(pointer string) Errors {
	var in Errors
	for _, one := range e {
		rest, ok := strings.CutPrefix(one.Field, pointer)
		if ok && (rest == "" || rest[0] == '/') {
			moved := *one
			moved.Field = rest
			in = append(in, &moved)
		}
	}
	return in
}

// Has tells whether one of them has that code.
func (e Errors) Has(code string) bool {
	return slices.ContainsFunc(e, func(one *Invalid) bool { return one.Code == code })
}

// The codes of Invalid. They are part of the API: clients translate by them.
const (
	CodeBadJSON          = "bad_json"          // not JSON; params line
	CodeBadYAML          = "bad_yaml"          // not YAML, or a part of it that is not taken (aliases, tags); params line
	CodeTooDeep          = "too_deep"          // nested deeper than 32; params max
	CodeDuplicateKey     = "duplicate_key"     // the same member twice; params key
	CodeUnknownField     = "unknown_field"     // params field
	CodeNotSupported     = "not_supported"     // planned, not there yet; params value (when it is a value)
	CodeWrongType        = "wrong_type"        // params want, got
	CodeRequired         = "required"          // left out
	CodeBadName          = "bad_name"          // not of the form of a name
	CodeBadDuration      = "bad_duration"      // params value
	CodeBadSize          = "bad_size"          // params value
	CodeBadTime          = "bad_time"          // not RFC 3339; params value
	CodeBadCIDR          = "bad_cidr"          // neither address nor CIDR; params value
	CodeBadAddress       = "bad_address"       // not host:port; params value
	CodeDeniedAddress    = "denied_address"    // an address the gateway never dials; params value
	CodeBadHost          = "bad_host"          // params value
	CodeBadPath          = "bad_path"          // params value
	CodeBadHeader        = "bad_header"        // not a header name; params value
	CodeForbiddenHeader  = "forbidden_header"  // belongs to the connection; params value
	CodeUnknownVariable  = "unknown_variable"  // a ${…} nobody knows; params value, allowed
	CodeControlCharacter = "control_character" // CR, LF, NUL and their kin
	CodeTooLong          = "too_long"          // params max
	CodeTooMany          = "too_many"          // params max
	CodeOutOfRange       = "out_of_range"      // params min, max
	CodeUnknownValue     = "unknown_value"     // params value, allowed
	CodeDuplicate        = "duplicate"         // the same thing twice; params value, other (who has it)
	CodeNameTaken        = "name_taken"        // params value
	CodePortTaken        = "port_taken"        // params port, other (who has it)
	CodeRouteTaken       = "route_taken"       // params route, other
	CodeUnknownReference = "unknown_reference" // names what is not there; params value
	CodeNotForProtocol   = "not_for_protocol"  // has no effect there; params protocol
	CodeNeedsAuth        = "needs_auth"        // has no effect without access.auth jwt
	CodeOneOf            = "one_of"            // exactly one of several; params fields
	CodeBadSecretHash    = "bad_secret_hash"   // not of HashSecret's form
	CodeRedacted         = "redacted"          // "***" where there is nothing to keep
	CodeBadTimeZone      = "bad_time_zone"     // params value

	// These only warn (Document.Warnings).
	CodeWeakSecret     = "weak_secret"      // params min
	CodeNoLiveTarget   = "no_live_target"   // every target disabled or of weight 0
	CodeWeightIgnored  = "weight_ignored"   // the policy takes no weights; params policy
	CodeStripsNothing  = "strips_nothing"   // strip_prefix without a prefix
	CodeExpired        = "expired"          // already over
	CodeTakenIfEnabled = "taken_if_enabled" // a disabled service has a port or route of an enabled one; params other
	CodeShutsAll       = "shuts_all"        // a rule that no address escapes
)

// Codes lists every code, so that a test can compare them with the
// translations.
var Codes = []string{
	CodeBadJSON, CodeBadYAML, CodeTooDeep, CodeDuplicateKey, CodeUnknownField, CodeNotSupported, CodeWrongType,
	CodeRequired, CodeBadName, CodeBadDuration, CodeBadSize, CodeBadTime, CodeBadCIDR, CodeBadAddress,
	CodeDeniedAddress, CodeBadHost, CodeBadPath, CodeBadHeader, CodeForbiddenHeader, CodeUnknownVariable,
	CodeControlCharacter, CodeTooLong, CodeTooMany, CodeOutOfRange, CodeUnknownValue, CodeDuplicate, CodeNameTaken,
	CodePortTaken, CodeRouteTaken, CodeUnknownReference, CodeNotForProtocol, CodeNeedsAuth, CodeOneOf,
	CodeBadSecretHash, CodeRedacted, CodeBadTimeZone,
	CodeWeakSecret, CodeNoLiveTarget, CodeWeightIgnored, CodeStripsNothing, CodeExpired, CodeTakenIfEnabled, CodeShutsAll,
}

// step is one part of the way into a document: a member or an index.
type step struct {
	name  string
	index int // used when name is ""
}

// finder gathers what is wrong and knows where it is. Pointers are only made
// into text for what is wrong, so that a good document costs nothing.
type finder struct {
	errs Errors
	way  []step
}

// maxErrors bounds what one text can make us say.
const maxErrors = 100

func (f *finder) in(name string) { f.way = append(f.way, step{name: name}) }
func (f *finder) at(index int)   { f.way = append(f.way, step{index: index}) }
func (f *finder) out()           { f.way = f.way[:len(f.way)-1] }

func (f *finder) pointer(more ...string) string {
	var b strings.Builder
	write := func(name string) {
		b.WriteByte('/')
		b.WriteString(pointerEscape.Replace(name))
	}
	for _, s := range f.way {
		if s.name == "" {
			write(strconv.Itoa(s.index))
		} else {
			write(s.name)
		}
	}
	for _, name := range more {
		write(name)
	}
	return b.String()
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// params is Invalid.Params in the making.
type params = map[string]any

// bad notes that something is wrong where the finder stands.
func (f *finder) bad(code string, p params, format string, args ...any) *Invalid {
	one := &Invalid{Field: f.pointer(), Code: code, Message: fmt.Sprintf(format, args...), Params: p}
	if len(f.errs) < maxErrors {
		f.errs = append(f.errs, one)
	}
	return one
}

// badIn is bad for a member of where the finder stands.
func (f *finder) badIn(name, code string, p params, format string, args ...any) {
	f.in(name)
	f.bad(code, p, format, args...)
	f.out()
}
