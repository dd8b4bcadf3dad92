// Command openapi writes dashboard/openapi.json from the annotations and types
// of the dashboard. Run it in tools/: go run ./openapi
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/swaggo/swag"
	"github.com/swaggo/swag/gen"
)

// packages are read for types and annotations; the first has the main file.
var packages = []string{"dashboard", "spec"}

// overrides says how types with their own JSON look.
const overrides = `replace yumen/spec.Duration string
replace yumen/spec.Size string
replace yumen/spec.Secret string
replace yumen/spec.Kind string
replace encoding/json.RawMessage any
`

func main() {
	if err := run(".."); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	tmp, err := os.MkdirTemp("", "yumen-openapi-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := copySources(root, tmp); err != nil {
		return err
	}
	v2, err := swagger(tmp)
	if err != nil {
		return err
	}
	v3, err := openapi2conv.ToV3(v2)
	if err != nil {
		return fmt.Errorf("to OpenAPI 3: %w", err)
	}
	polish(v3)
	b, err := v3.MarshalJSON()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, b, "", "  "); err != nil {
		return err
	}
	if text, err = rename(text); err != nil {
		return err
	}
	text.WriteByte('\n')
	if doc, err := openapi3.NewLoader().LoadFromData(text.Bytes()); err != nil {
		return fmt.Errorf("result: %w", err)
	} else if err := doc.Validate(openapi3.NewLoader().Context); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return os.WriteFile(filepath.Join(root, "dashboard", "openapi.json"), text.Bytes(), 0o644)
}

// copySources copies the packages with their struct tags said in the words
// that swag knows.
func copySources(root, tmp string) error {
	if err := os.WriteFile(filepath.Join(tmp, "go.mod"), []byte("module yumen\n\ngo 1.26.0\n"), 0o600); err != nil {
		return err
	}
	for _, p := range packages {
		if err := os.MkdirAll(filepath.Join(tmp, p), 0o700); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(root, p, "*.go"))
		if err != nil {
			return err
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, f, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						retag(field)
					}
				}
				return true
			})
			var b bytes.Buffer
			if err := format.Node(&b, fset, file); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(tmp, p, filepath.Base(f)), b.Bytes(), 0o600); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(tmp, "overrides"), []byte(overrides), 0o600)
}

// values is a comment that lists what a text may be: "a | b | c".
var values = regexp.MustCompile(`^\w+( \| \w+)+`)

func retag(f *ast.Field) {
	if f.Tag == nil {
		return
	}
	text, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return
	}
	tag := reflect.StructTag(text)
	name, ok := tag.Lookup("json")
	if !ok {
		return
	}
	out := fmt.Sprintf("json:%q", strings.ReplaceAll(name, "omitzero", "omitempty"))
	// A "default" of a schema would make generators take a field for always
	// present; the document keeps what people left out.
	if d, ok := tag.Lookup("default"); ok {
		out += fmt.Sprintf(" extensions:%q", "x-default="+d)
	}
	switch typeName(f.Type) {
	case "string":
		if list := values.FindString(comment(f)); list != "" {
			out += fmt.Sprintf(" enums:%q", strings.ReplaceAll(list, " | ", ","))
		}
	case "time.Time":
		out += ` format:"date-time"`
	}
	f.Tag.Value = "`" + out + "`"
}

func comment(f *ast.Field) string {
	for _, g := range []*ast.CommentGroup{f.Comment, f.Doc} {
		if t := strings.TrimSpace(g.Text()); t != "" {
			return t
		}
	}
	return ""
}

func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.Ident:
		return t.Name
	case *ast.SelectorExpr:
		return typeName(t.X) + "." + t.Sel.Name
	}
	return ""
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func swagger(tmp string) (*openapi2.T, error) {
	dirs := make([]string, len(packages))
	for i, p := range packages {
		dirs[i] = filepath.Join(tmp, p)
	}
	err := gen.New().Build(&gen.Config{
		Debugger: quiet{}, SearchDir: strings.Join(dirs, ","), MainAPIFile: "router.go", OutputDir: tmp, OutputTypes: []string{"json"},
		PropNamingStrategy: swag.SnakeCase, RequiredByDefault: true, OverridesFile: filepath.Join(tmp, "overrides"), Strict: true, ParseDepth: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("swag: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(tmp, "swagger.json"))
	if err != nil {
		return nil, err
	}
	var v2 openapi2.T
	return &v2, json.Unmarshal(b, &v2)
}

// polish adds what OpenAPI 2 could not say: the cookie, the type of problems.
func polish(doc *openapi3.T) {
	doc.Servers = openapi3.Servers{{URL: "/api/v1"}}
	doc.Components.SecuritySchemes = openapi3.SecuritySchemes{"session": {Value: &openapi3.SecurityScheme{
		Type: "apiKey", In: "cookie", Name: "yumen", Description: "The session, made by POST /login; __Host-yumen over HTTPS.",
	}}}
	doc.Security = openapi3.SecurityRequirements{{"session": {}}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if path == "/login" {
				op.Security = &openapi3.SecurityRequirements{}
			}
			if r := op.Responses.Value("default"); r != nil && r.Value != nil {
				for _, m := range r.Value.Content {
					r.Value.Content = openapi3.Content{"application/problem+json": m}
				}
			}
			if method == "PATCH" && op.RequestBody != nil {
				for _, m := range op.RequestBody.Value.Content {
					op.RequestBody.Value.Content = openapi3.Content{"application/merge-patch+json": m, "application/json": m}
				}
			}
		}
	}
}

// rename takes the package off the names of schemas: dashboard.Service is
// Service, and spec.Service ServiceSpec.
func rename(text bytes.Buffer) (bytes.Buffer, error) {
	names := map[string]string{}
	found := regexp.MustCompile(`"(dashboard|spec)\.(\w+)"|schemas/(dashboard|spec)\.(\w+)`)
	var all []string
	for _, m := range found.FindAllStringSubmatch(text.String(), -1) {
		all = append(all, m[1]+m[3]+"."+m[2]+m[4])
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, full := range all {
		pkg, name, _ := strings.Cut(full, ".")
		if pkg == "spec" && slices.Contains(all, "dashboard."+name) {
			name += "Spec"
		}
		for _, other := range names {
			if other == name {
				return text, fmt.Errorf("two schemas named %s", name)
			}
		}
		names[full] = name
	}
	out := found.ReplaceAllStringFunc(text.String(), func(s string) string {
		m := found.FindStringSubmatch(s)
		name := names[m[1]+m[3]+"."+m[2]+m[4]]
		if m[1] != "" {
			return strconv.Quote(name)
		}
		return "schemas/" + name
	})
	// Sorted again, since names are the order.
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		return text, err
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return text, err
	}
	return *bytes.NewBuffer(b), nil
}
