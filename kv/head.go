package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	keyHead     = "{yumen}:head"
	channelWake = "{yumen}:wake"
)

// Head names a revision, as the database does. Here it is a hint.
type Head struct {
	Lineage string `json:"lineage"`
	Number  uint64 `json:"number"`
	Digest  string `json:"digest"`
}

// SetHead tells every proxy which revision is wanted, and wakes them when it
// is another than before.
func (s *Store) SetHead(ctx context.Context, h Head) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	before, err := s.c.SetArgs(ctx, keyHead, b, redis.SetArgs{Get: true}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("redis: head: %w", err)
	}
	if before == string(b) {
		return nil
	}
	if err := s.c.Publish(ctx, channelWake, h.Digest).Err(); err != nil {
		return fmt.Errorf("redis: wake: %w", err)
	}
	return nil
}

// Head is the revision last set; false when none was, or it was forgotten.
func (s *Store) Head(ctx context.Context) (Head, bool, error) {
	b, err := s.c.Get(ctx, keyHead).Bytes()
	if errors.Is(err, redis.Nil) {
		return Head{}, false, nil
	}
	if err != nil {
		return Head{}, false, fmt.Errorf("redis: head: %w", err)
	}
	var h Head
	if err := json.Unmarshal(b, &h); err != nil {
		return Head{}, false, fmt.Errorf("redis: head: %w", err)
	}
	return h, true, nil
}

// Wake receives something soon after SetHead set another head. Wake-ups run
// together and may be lost with the connection: poll too. The channel closes
// when ctx ends; whoever asked should read it till then.
func (s *Store) Wake(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	sub := s.c.Subscribe(ctx, channelWake)
	go func() {
		defer close(out)
		defer sub.Close()
		in := sub.Channel()
		for {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-in:
				if !ok {
					return
				}
				select {
				case out <- struct{}{}:
				default:
				}
			}
		}
	}()
	return out
}
