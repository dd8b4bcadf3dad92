package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	keyNodes   = "{yumen}:nodes" // sorted set: incarnation by the time it was last seen
	keyNode    = "{yumen}:node:"
	keyHealths = "{yumen}:health:"

	nodeKept   = 24 * time.Hour
	healthKept = 30 * time.Second

	// NodeLost is how long a node may be silent before it counts as lost.
	NodeLost = 10 * time.Second
)

// The states of a node.
const (
	NodeReady    = "ready"
	NodeWaiting  = "waiting" // has no configuration yet
	NodeDraining = "draining"
	NodeStopped  = "stopped" // said goodbye
)

// Node is what a proxy says of itself every two seconds.
type Node struct {
	Incarnation  string           `json:"incarnation"` // random, one a process start
	Name         string           `json:"name"`
	Version      string           `json:"version"`
	State        string           `json:"state"`
	Started      time.Time        `json:"started"`
	Seen         time.Time        `json:"seen"`
	Revision     Head             `json:"revision"` // what it runs
	AppliedAt    time.Time        `json:"applied_at"`
	ConfigAge    time.Duration    `json:"config_age"` // since it last knew that this is the wanted revision; nanoseconds
	Waiting      string           `json:"waiting,omitempty"`
	Faults       []Fault          `json:"faults,omitempty"`
	Connections  map[string]int64 `json:"connections,omitempty"` // http, websocket, tcp, grpc
	RPS          float64          `json:"rps"`
	CPUPercent   float64          `json:"cpu_percent"`
	MemoryBytes  uint64           `json:"memory_bytes"`
	Goroutines   int              `json:"goroutines"`
	Listeners    []string         `json:"listeners,omitempty"`
	CountersKept bool             `json:"counters_kept,omitempty"` // counts wait for Redis to take them
}

// Fault is one object that a node could not take over.
type Fault struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Field   string `json:"field,omitempty"` // JSON pointer within the object
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Heartbeat writes what n says of itself; n.Seen is when.
func (s *Store) Heartbeat(ctx context.Context, n Node) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = s.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, keyNode+n.Incarnation, b, nodeKept)
		p.ZAdd(ctx, keyNodes, redis.Z{Score: float64(n.Seen.Unix()), Member: n.Incarnation})
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: heartbeat: %w", err)
	}
	return nil
}

// Nodes lists every node seen within 24 hours, lost ones too, by name and
// then by start.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	names, err := s.incarnationsOf(ctx, keyNodes, time.Now().Add(-nodeKept))
	if err != nil || len(names) == 0 {
		return nil, err
	}
	keys := make([]string, len(names))
	for i, n := range names {
		keys[i] = keyNode + n
	}
	vs, err := s.c.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("redis: nodes: %w", err)
	}
	var nodes []Node
	for i, v := range vs {
		text, ok := v.(string)
		if !ok { // expired
			continue
		}
		var n Node
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			s.log.Warn("unreadable heartbeat", "incarnation", names[i], "error", err)
			continue
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return a.Started.Compare(b.Started)
	})
	return nodes, nil
}

// Forget removes a node from the list. One that still lives is back with its
// next heartbeat.
func (s *Store) Forget(ctx context.Context, incarnation string) error {
	_, err := s.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, keyNode+incarnation, keyHealths+incarnation)
		p.ZRem(ctx, keyNodes, incarnation)
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: forget node: %w", err)
	}
	return nil
}

// Health is how one node finds one target of one service.
type Health struct {
	Service     string       `json:"service"`
	Node        string       `json:"node"` // incarnation
	Address     string       `json:"address"`
	State       string       `json:"state"` // up | down | unknown | draining | disabled
	Reason      string       `json:"reason,omitempty"`
	Since       time.Time    `json:"since"`
	InFlight    int64        `json:"in_flight,omitempty"`
	Transitions []Transition `json:"transitions,omitempty"` // oldest first
}

// Transition is one change of a target's state.
type Transition struct {
	At     time.Time `json:"at"`
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
}

// PutHealth replaces what incarnation said of its targets, by service. It is
// forgotten after 30 s.
func (s *Store) PutHealth(ctx context.Context, incarnation string, services map[string][]Health) error {
	values := make([]any, 0, 2*len(services))
	for name, h := range services {
		b, err := json.Marshal(h)
		if err != nil {
			return err
		}
		values = append(values, name, b)
	}
	key := keyHealths + incarnation
	_, err := s.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, key)
		if len(values) > 0 {
			p.HSet(ctx, key, values...)
			p.PExpire(ctx, key, healthKept)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: health: %w", err)
	}
	return nil
}

// Health lists what living nodes say of the targets of services; of all when
// none is named.
func (s *Store) Health(ctx context.Context, services ...string) ([]Health, error) {
	nodes, err := s.incarnationsOf(ctx, keyNodes, time.Now().Add(-2*healthKept))
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	var all []Health
	read := func(node, text string) {
		var hs []Health
		if err := json.Unmarshal([]byte(text), &hs); err != nil {
			s.log.Warn("unreadable health", "incarnation", node, "error", err)
			return
		}
		for i := range hs {
			hs[i].Node = node
		}
		all = append(all, hs...)
	}
	cmds, err := s.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, n := range nodes {
			if len(services) == 0 {
				p.HGetAll(ctx, keyHealths+n)
			} else {
				p.HMGet(ctx, keyHealths+n, services...)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("redis: health: %w", err)
	}
	for i, cmd := range cmds {
		switch c := cmd.(type) {
		case *redis.MapStringStringCmd:
			for _, text := range c.Val() {
				read(nodes[i], text)
			}
		case *redis.SliceCmd:
			for _, v := range c.Val() {
				if text, ok := v.(string); ok {
					read(nodes[i], text)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Health) int {
		for _, c := range []int{strings.Compare(a.Service, b.Service), strings.Compare(a.Address, b.Address)} {
			if c != 0 {
				return c
			}
		}
		return strings.Compare(a.Node, b.Node)
	})
	return all, nil
}

// incarnationsOf lists the members of a sorted set written since a time.
func (s *Store) incarnationsOf(ctx context.Context, key string, since time.Time) ([]string, error) {
	names, err := s.c.ZRangeByScore(ctx, key, &redis.ZRangeBy{
		Min: strconv.FormatInt(since.Unix(), 10), Max: "+inf",
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("redis: %s: %w", key, err)
	}
	return names, nil
}
