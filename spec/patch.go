package spec

import (
	"bytes"
	"encoding/json"
)

// MergePatch applies a JSON merge patch (RFC 7396) to a document: members of
// patch replace those of doc, null removes. Numbers stay as they are written;
// doc and patch may not name a member twice. The error is Errors.
func MergePatch(doc, patch []byte) ([]byte, error) {
	into, err := patchable(doc)
	if err != nil {
		return nil, err
	}
	by, err := patchable(patch)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(merge(into, by)); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// patchable reads strictly, then keeps numbers as text.
func patchable(b []byte) (v any, err error) {
	if err := ParseJSON(b, &v); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	return v, dec.Decode(&v)
}

func merge(into, by any) any {
	patch, ok := by.(map[string]any)
	if !ok {
		return by
	}
	doc, ok := into.(map[string]any)
	if !ok {
		doc = map[string]any{}
	}
	for name, value := range patch {
		if value == nil {
			delete(doc, name)
		} else {
			doc[name] = merge(doc[name], value)
		}
	}
	return doc
}
