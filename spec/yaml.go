package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML reads one YAML document into a tree, with the meaning YAML 1.2's
// core schema gives to plain scalars: no "yes", no octal by a leading zero, no
// sexagesimal numbers. Anchors, aliases, merges and tags are refused, for a
// reader should see what is meant where it stands.
func readYAML(t *tree, text []byte) *Invalid {
	t.nodes = t.nodes[:0]
	t.lines = true
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, extra yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return &Invalid{Code: CodeBadYAML, Message: "there is nothing in it", Params: params{"line": 1}}
	} else if err != nil {
		return yamlError(err)
	}
	if err := dec.Decode(&extra); err == nil {
		return badYAML(&extra, "a second document follows the first")
	} else if !errors.Is(err, io.EOF) {
		return yamlError(err)
	}
	_, err := t.yaml(doc.Content[0], 0)
	return err
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func yamlError(err error) *Invalid {
	text := err.Error()
	found := yamlLine.FindStringSubmatch(text)
	line := 1
	if found != nil {
		text = text[len(found[0]):]
		if n, err := strconv.Atoi(found[1]); err == nil {
			line = n
		}
	}
	return &Invalid{Code: CodeBadYAML, Message: "not YAML: " + text, Params: params{"line": line}}
}

func badYAML(n *yaml.Node, format string, args ...any) *Invalid {
	return &Invalid{Code: CodeBadYAML, Message: fmt.Sprintf(format, args...), Params: params{"line": n.Line}}
}

func (t *tree) yaml(n *yaml.Node, depth int) (int32, *Invalid) {
	switch {
	case n.Anchor != "" || n.Kind == yaml.AliasNode:
		return 0, badYAML(n, "anchors and aliases are not taken")
	case n.Style&yaml.TaggedStyle != 0:
		return 0, badYAML(n, "tags are not taken")
	case n.Kind != yaml.ScalarNode && depth == maxDepth:
		return 0, &Invalid{Code: CodeTooDeep, Message: fmt.Sprintf("nested deeper than %d", maxDepth), Params: params{"max": maxDepth, "line": n.Line}}
	}
	if len(t.nodes) == maxNodes {
		return 0, tooMany()
	}
	at := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{line: int32(n.Line)})
	kids := list{parent: at}
	switch n.Kind {
	case yaml.MappingNode:
		t.nodes[at].kind = nodeObject
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
				return 0, badYAML(key, "a key must be a plain text")
			}
			if key.Tag == "!!merge" {
				return 0, badYAML(key, "merges are not taken")
			}
			child, err := t.yaml(n.Content[i+1], depth+1)
			if err != nil {
				return 0, err
			}
			t.nodes[child].key = key.Value
			t.nodes[child].line = int32(key.Line)
			t.add(&kids, child)
		}
	case yaml.SequenceNode:
		t.nodes[at].kind = nodeArray
		for _, item := range n.Content {
			child, err := t.yaml(item, depth+1)
			if err != nil {
				return 0, err
			}
			t.add(&kids, child)
		}
	default:
		kind, text, err := scalar(n)
		if err != nil {
			return 0, err
		}
		t.nodes[at].kind, t.nodes[at].text = kind, text
	}
	return at, nil
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	yamlBase  = regexp.MustCompile(`^0(o[0-7]+|x[0-9a-fA-F]+)$`)
	yamlFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	// What other readers of YAML take for something else than a string, and
	// we refuse rather than guess.
	yamlOdd = regexp.MustCompile(`^[-+]?(0[0-9_]+|0b[01_]+|[0-9][0-9_]*_[0-9_]*|\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// scalar resolves a scalar by YAML 1.2's core schema.
func scalar(n *yaml.Node) (nodeKind, string, *Invalid) {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	v := n.Value
	if n.Style&quoted != 0 {
		return nodeString, v, nil
	}
	switch v {
	case "":
		return nodeEmpty, "", nil
	case "~", "null", "Null", "NULL":
		return nodeNull, "", nil
	case "true", "True", "TRUE":
		return nodeBool, "true", nil
	case "false", "False", "FALSE":
		return nodeBool, "false", nil
	}
	switch {
	case yamlInt.MatchString(v):
		return nodeNumber, strings.TrimPrefix(v, "+"), nil
	case yamlBase.MatchString(v):
		whole, _ := new(big.Int).SetString(v, 0)
		return nodeNumber, whole.String(), nil
	case yamlFloat.MatchString(v):
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsInf(f, 0) {
			return 0, "", badYAML(n, "%s is too large a number", clip(v))
		}
		return nodeNumber, strconv.FormatFloat(f, 'g', -1, 64), nil
	case yamlOdd.MatchString(v):
		return 0, "", badYAML(n, "%s is read in more than one way: write a plain decimal number, or a text in quotes", clip(v))
	}
	return nodeString, v, nil
}

// MarshalYAML writes v sparse, in the order of its Go fields.
func MarshalYAML(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var t tree
	if bad := readJSON(&t, string(text)); bad != nil {
		return nil, bad
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(t.yamlNode(0)); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

var yamlPlain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)
var yamlOldWord = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)

func (t *tree) yamlNode(i int32) *yaml.Node {
	text := func(s string) *yaml.Node {
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
		if !yamlPlain.MatchString(s) || yamlOldWord.MatchString(s) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return n
	}
	switch n := t.nodes[i]; n.kind {
	case nodeObject:
		m := &yaml.Node{Kind: yaml.MappingNode}
		for _, c := range t.children(i) {
			m.Content = append(m.Content, text(t.nodes[c].key), t.yamlNode(c))
		}
		if m.Content == nil {
			m.Style = yaml.FlowStyle
		}
		return m
	case nodeArray:
		s := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range t.children(i) {
			s.Content = append(s.Content, t.yamlNode(c))
		}
		if s.Content == nil {
			s.Style = yaml.FlowStyle
		}
		return s
	case nodeString:
		return text(n.text)
	case nodeNumber, nodeBool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.text}
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}
	}
}
