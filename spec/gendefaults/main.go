// Gendefaults prints docs/defaults.md: every default of a document, with what
// the comments in spec/document.go say about it. Run it in the root of the
// repository:
//
//	go run ./spec/gendefaults > docs/defaults.md
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"

	"yumen/spec"
)

func main() {
	page, err := Page("spec/document.go")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(page)
}

const head = `# Defaults

What a field is when it is left out. Defaults are computed by the running binary and never stored; ` + "`?effective=true`" + ` shows
them filled in. Durations are written "2s" or "1h30m", sizes "64KiB" or "1MiB". This page is made from the code by
` + "`make generate`" + `; do not edit it.

| field | default | unit | 0 means | values and notes |
|---|---|---|---|---|
`

// Page is the whole page, with notes from the comments in the given source.
func Page(source string) (string, error) {
	notes, err := comments(source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, d := range spec.Defaults() {
		value := code(d.Value)
		if strings.Contains(d.Value, " ") { // a sentence, not a value
			value = d.Value
		}
		for _, p := range slices.Sorted(maps.Keys(d.Protocols)) {
			value += fmt.Sprintf(" (%s: %s)", p, code(d.Protocols[p]))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Field, value, d.Unit, d.Zero, notes[key(d.Field)])
	}
	return b.String(), nil
}

func code(s string) string { return "`" + s + "`" }

// key is what a field is found by among the comments: the last struct's
// member and the one's name, "timeouts.connect".
func key(field string) string {
	parts := strings.Split(field, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}

// comments reads the comment behind each field, by "member.field": the name
// under which structs of that type stand, and the field's own.
func comments(source string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	structs := map[string]*ast.StructType{}
	ast.Inspect(file, func(n ast.Node) bool {
		if t, ok := n.(*ast.TypeSpec); ok {
			if s, ok := t.Type.(*ast.StructType); ok {
				structs[t.Name.Name] = s
			}
		}
		return true
	})
	found := map[string]string{}
	for _, s := range structs {
		for _, f := range s.Fields.List {
			inner := structs[typeName(f.Type)]
			if inner == nil || f.Tag == nil {
				continue
			}
			for _, g := range inner.Fields.List {
				if note := strings.TrimSpace(g.Comment.Text()); note != "" {
					found[member(f)+"."+member(g)] = strings.ReplaceAll(note, "|", `\|`)
				}
			}
		}
	}
	return found, nil
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return typeName(e.Elt)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// member is the field's name in JSON.
func member(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	_, rest, _ := strings.Cut(f.Tag.Value, `json:"`)
	name, _, _ := strings.Cut(rest, `"`)
	name, _, _ = strings.Cut(name, ",")
	return name
}
