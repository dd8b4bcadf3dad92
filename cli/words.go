package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"yumen/spec"
)

// verbs are what a plan calls the actions.
var verbs = map[string]string{spec.Added: "create", spec.Changed: "change", spec.Removed: "delete"}

// printChanges says what changes, an object a paragraph and a field a line.
func printChanges(w io.Writer, changes []spec.Change) {
	for _, c := range changes {
		fmt.Fprintf(w, "%s %s\n", verbs[c.Action], title(c.Kind, c.Name))
		if c.Action == spec.Removed {
			continue
		}
		for _, f := range c.Fields {
			fmt.Fprintf(w, "    %s\n", sentence(f))
		}
	}
}

func title(kind spec.Kind, name string) string {
	switch kind {
	case spec.KindSettings:
		return "the settings"
	case spec.KindBlacklist:
		return "blacklist rule " + clean(name)
	case spec.KindKey:
		return "signing key " + clean(name)
	}
	return string(kind) + " " + clean(name)
}

// sentence says one difference: "upstream.targets.0.weight: 1 → 5".
func sentence(f spec.FieldChange) string {
	name := clean(strings.NewReplacer("~1", "/", "~0", "~", "/", ".").Replace(strings.TrimPrefix(f.Field, "/")))
	switch {
	case f.Before == nil:
		return name + ": " + value(f.After)
	case f.After == nil:
		return name + ": " + value(f.Before) + " → not set"
	}
	return name + ": " + value(f.Before) + " → " + value(f.After)
}

// value writes a JSON value on a line.
func value(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "?"
	}
	return clean(strings.TrimSuffix(b.String(), "\n"))
}

// tally counts actions: "1 to create, 2 to change".
func tally(changes []spec.Change) string {
	n := map[string]int{}
	for _, c := range changes {
		n[c.Action]++
	}
	var parts []string
	for _, action := range []string{spec.Added, spec.Changed, spec.Removed} {
		if n[action] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n[action], verbs[action]))
		}
	}
	return strings.Join(parts, ", ")
}

// many is "1 service", "2 services".
func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
