package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed is the table of docs/architecture.md: which of our packages each may
// import. A package that is not here is new and belongs into the table first.
var allowed = map[string][]string{
	"yumen":                  {"cli"},
	"yumen/cli":              {"*"},
	"yumen/conf":             {},
	"yumen/kv":               {},
	"yumen/message":          {},
	"yumen/spec":             {},
	"yumen/spec/gendefaults": {"spec"},
	"yumen/sql":              {},
	"yumen/web":              {},
	"yumen/route":            {"spec", "message"},
	"yumen/upstream":         {"spec", "message"},
	"yumen/certs":            {"spec", "message"},
	"yumen/flow":             {"spec", "message"},
	"yumen/dao":              {"spec", "sql"},
	"yumen/middleware":       {"message", "flow", "upstream", "spec"},
	"yumen/wire/std":         {"message"},
	"yumen/wire/rawtest":     {"message"},
	"yumen/reverse_proxy":    {"message", "middleware", "route", "upstream", "flow", "spec"},
	"yumen/tcp_proxy":        {"message", "middleware", "route", "upstream", "flow", "spec"},
	"yumen/grpc_proxy":       {"message", "middleware", "route", "upstream", "flow", "spec"},
	"yumen/generation":       {"spec", "message", "route", "middleware", "upstream", "flow", "certs", "reverse_proxy", "tcp_proxy", "grpc_proxy"},
	"yumen/proxy_server": {"dao", "kv", "spec", "generation", "message", "middleware", "wire/std", "reverse_proxy", "tcp_proxy", "grpc_proxy",
		"upstream", "flow", "certs", "conf"},
	"yumen/dashboard":           {"dao", "kv", "spec", "generation", "flow", "conf", "web"},
	"yumen/demo":                {"spec"},
	"yumen/message/messagetest": {"message"},
	"yumen/testenv":             {},
	"yumen/e2e":                 {},
}

// only says who may link a library.
var only = map[string][]string{
	"github.com/gin-gonic/gin":  {"yumen/dashboard"},
	"gorm.io/gorm":              {"yumen/dao"},
	"github.com/redis/go-redis": {"yumen/kv"},
	"google.golang.org/grpc":    {"yumen/grpc_proxy", "yumen/demo"},
}

func TestPackagesImportOnlyWhatTheArchitectureAllows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		seen++
		may, known := allowed[p.ImportPath]
		require.True(t, known, "%s is in no row of the table", p.ImportPath)
		for _, i := range p.Imports {
			if ours, yes := strings.CutPrefix(i, "yumen/"); yes && !slices.Contains(may, "*") {
				require.Contains(t, may, ours, "%s imports %s", p.ImportPath, i)
			}
			for library, importers := range only {
				if i == library || strings.HasPrefix(i, library+"/") {
					require.Contains(t, importers, p.ImportPath, "%s imports %s", p.ImportPath, i)
				}
			}
		}
	}
	require.Greater(t, seen, 20)
}
