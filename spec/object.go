package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Object is one part of a document as it is stored: immutable, named by what
// it is, found by its digest. Its bytes are an envelope:
//
//	{"schema":1,"origin":12,"needs":["…"],"spec":{…}}
//
// spec is what people wrote, without defaults and with secrets sealed; needs
// names what a reader must know of to obey it.
type Object struct {
	Kind   Kind
	Name   string
	Bytes  []byte
	Digest string // hex SHA-256 of Bytes
}

// Key is the object's kind and name.
func (o Object) Key() Key { return Key{o.Kind, o.Name} }

// String is "service/orders".
func (k Key) String() string { return string(k.Kind) + "/" + k.Name }

// SettingsName is the name of the one object of KindSettings.
const SettingsName = "settings"

// schema is the version of the envelope.
const schema = 1

// Digest is the hex SHA-256 by which stored bytes are found.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// NeedsError says that an object uses what this binary does not know yet. The
// last good form of the object is to be kept.
type NeedsError struct{ Needs []string }

// Error names them.
func (e *NeedsError) Error() string {
	return "needs a newer yumen: " + strings.Join(e.Needs, ", ")
}

// features this binary knows beyond schema 1; what an object may need.
var features = []string{}

// KeyOf names the object that v, or what it points to, is stored as. A
// credential does not know its tenant: for one the name is its ID alone.
func KeyOf(v any) (Key, error) {
	switch v := indirect(v).(type) {
	case Service:
		return Key{KindService, v.Name}, nil
	case Tenant:
		return Key{KindTenant, v.AppID}, nil
	case Credential:
		return Key{KindCredential, v.ID}, nil
	case BlacklistRule:
		p, err := CanonicalPrefix(v.CIDR)
		return Key{KindBlacklist, p.String()}, err
	case Settings:
		return Key{KindSettings, SettingsName}, nil
	case SigningKey:
		return Key{KindKey, v.ID}, nil
	}
	return Key{}, fmt.Errorf("%T is no object", v)
}

// CredentialName is the name of a credential's object.
func CredentialName(appID, id string) string { return appID + "/" + id }

func indirect(v any) any {
	switch v := v.(type) {
	case *Service:
		return *v
	case *Tenant:
		return *v
	case *Credential:
		return *v
	case *BlacklistRule:
		return *v
	case *Settings:
		return *v
	case *SigningKey:
		return *v
	}
	return v
}

// Encode makes the stored form of v or of what it points to, under its own
// name; a credential, whose name is half its tenant's, is for EncodeAs. origin
// is the number of the revision that created it, 0 where there are none.
func Encode(kind Kind, v any, origin uint64, r *Keyring) (Object, error) {
	key, err := KeyOf(v)
	switch {
	case err != nil:
		return Object{}, fmt.Errorf("encode %s: %w", kind, err)
	case kind == KindCredential:
		return Object{}, errors.New("encode credential: whose it is must be said")
	}
	key.Kind = kind
	return EncodeAs(key, v, origin, r)
}

// EncodeAs is Encode under a given key, which must be that of v. The same value
// makes the same bytes. Stored in their own way are: a tenant, without its
// credentials; a rule, in canonical form; a credential, its plain secret hashed
// with a salt made from what it belongs to, so that the same file read twice is
// the same document.
func EncodeAs(key Key, v any, origin uint64, r *Keyring) (Object, error) {
	v = indirect(v)
	own, err := KeyOf(v)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", key, err)
	}
	switch one := v.(type) {
	case Tenant:
		one.Credentials = nil
		v = one
	case BlacklistRule:
		one.CIDR = own.Name
		v = one
	case Credential:
		appID, _, _ := strings.Cut(key.Name, "/")
		own.Name = CredentialName(appID, one.ID)
		if one.Secret != nil {
			plain := one.Secret.Reveal()
			if plain == "" {
				return Object{}, fmt.Errorf("encode %s: no secret to keep", key)
			}
			salt := sha256.Sum256([]byte("yumen salt\x00" + own.Name + "\x00" + plain))
			one.SecretHash, one.Secret = hashWith(salt[:saltSize], plain), nil
		}
		v = one
	}
	if own != key {
		return Object{}, fmt.Errorf("encode %s: it is %s", key, own)
	}
	return encode(key, v, origin, r)
}

// EncodeCredential is EncodeAs for a credential.
func EncodeCredential(appID string, c Credential, origin uint64) (Object, error) {
	return EncodeAs(Key{KindCredential, CredentialName(appID, c.ID)}, c, origin, nil)
}

func encode(key Key, v any, origin uint64, r *Keyring) (Object, error) {
	sealed, err := seal(v, key, r)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", key, err)
	}
	body, err := json.Marshal(sealed)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", key, err)
	}
	b := make([]byte, 0, len(body)+48)
	b = append(b, `{"schema":`...)
	b = strconv.AppendInt(b, schema, 10)
	b = append(b, `,"origin":`...)
	b = strconv.AppendUint(b, origin, 10)
	b = append(b, `,"spec":`...)
	b = append(b, body...)
	b = append(b, '}')
	return Object{Kind: key.Kind, Name: key.Name, Bytes: b, Digest: Digest(b)}, nil
}

// seal copies v with its secrets sealed for the place they are stored at.
func seal(v any, key Key, r *Keyring) (any, error) {
	if !holdsSecrets(reflect.TypeOf(v)) {
		return v, nil
	}
	var failed error
	c := reflect.New(reflect.TypeOf(v)).Elem()
	c.Set(copyOf(reflect.ValueOf(v)))
	eachSecret(c, func(s *Secret) {
		if s.IsRedacted() {
			failed = errors.New("no secret to keep")
			return
		}
		text, err := r.Seal(s.plain, key.String())
		if err != nil {
			failed = err
		}
		*s = Secret{plain: text, form: secretSealed}
	})
	return c.Interface(), failed
}

func holdsSecrets(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return holdsSecrets(t.Elem())
	case reflect.Struct:
		if t == typeSecret {
			return true
		}
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && holdsSecrets(f.Type) {
				return true
			}
		}
	}
	return false
}

func eachSecret(v reflect.Value, do func(*Secret)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachSecret(v.Elem(), do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachSecret(v.Index(i), do)
		}
	case reflect.Struct:
		if s, ok := v.Addr().Interface().(*Secret); ok {
			do(s)
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && holdsSecrets(f.Type) {
				eachSecret(v.Field(i), do)
			}
		}
	}
}

// Decode reads a stored object: *Service, *Tenant (without credentials),
// *Credential, *BlacklistRule, *Settings or *SigningKey. It trusts nothing:
// digest, envelope, name and every field must be right. The error is a
// *NeedsError for what a newer yumen wrote; for a secret that cannot be opened
// ErrNoKey or an *UnknownKeyError is behind it.
func Decode(o Object, r *Keyring) (v any, origin uint64, err error) {
	var t tree
	return decode(&t, o, r)
}

func decode(t *tree, o Object, r *Keyring) (v any, origin uint64, err error) {
	defer func() {
		if err != nil {
			v, err = nil, fmt.Errorf("%s: %w", o.Key(), err)
		}
	}()
	if o.Digest != "" && o.Digest != Digest(o.Bytes) {
		return nil, 0, errors.New("bytes are not those of the digest")
	}
	if bad := readJSON(t, string(o.Bytes)); bad != nil {
		return nil, 0, bad
	}
	body, origin, err := envelope(t)
	if err != nil {
		return nil, 0, err
	}
	d := decoder{tree: t, open: func(sealed string) (Secret, error) {
		plain, err := r.Open(sealed, o.Key().String())
		return NewSecret(plain), err
	}}
	name := o.Name
	read := func(into any, is *string) {
		d.value(body, reflect.ValueOf(into).Elem())
		v, name = into, *is
	}
	switch o.Kind {
	case KindService:
		s := &Service{Origin: origin}
		read(s, &s.Name)
	case KindTenant:
		one := &Tenant{Origin: origin}
		read(one, &one.AppID)
	case KindCredential:
		c := new(Credential)
		read(c, &c.ID)
		appID, _, _ := strings.Cut(o.Name, "/")
		name = CredentialName(appID, c.ID)
	case KindBlacklist:
		b := new(BlacklistRule)
		read(b, &b.CIDR)
	case KindSettings:
		name = SettingsName
		read(new(Settings), &name)
	case KindKey:
		k := new(SigningKey)
		read(k, &k.ID)
	default:
		return nil, 0, &NeedsError{[]string{"kind " + clip(string(o.Kind))}}
	}
	if len(d.errs) > 0 {
		return nil, 0, d.errs
	}
	if name != o.Name {
		return nil, 0, fmt.Errorf("says its name is %q", clip(name))
	}
	return v, origin, nil
}

// envelope finds what is in it, and refuses what a newer yumen wrote before a
// look at the rest.
func envelope(t *tree) (body int32, origin uint64, err error) {
	var env struct {
		Schema int      `json:"schema"`
		Origin uint64   `json:"origin"`
		Needs  []string `json:"needs"`
	}
	d := decoder{tree: t}
	if t.nodes[0].kind != nodeObject {
		return 0, 0, errors.New("no envelope")
	}
	for _, c := range t.children(0) {
		switch key := t.nodes[c].key; key {
		case "schema":
			d.value(c, reflect.ValueOf(&env.Schema).Elem())
		case "origin":
			d.value(c, reflect.ValueOf(&env.Origin).Elem())
		case "needs":
			d.value(c, reflect.ValueOf(&env.Needs).Elem())
		case "spec":
			body = c
		default:
			env.Needs = append(env.Needs, "envelope "+clip(key))
		}
	}
	if env.Schema > schema {
		env.Needs = append(env.Needs, fmt.Sprintf("schema %d", env.Schema))
	}
	env.Needs = slices.DeleteFunc(env.Needs, func(need string) bool { return slices.Contains(features, need) })
	switch {
	case len(d.errs) > 0:
		return 0, 0, d.errs
	case len(env.Needs) > 0:
		return 0, 0, &NeedsError{env.Needs}
	case env.Schema < 1 || body == 0 || t.nodes[body].kind != nodeObject:
		return 0, 0, errors.New("no envelope")
	}
	return body, env.Origin, nil
}
