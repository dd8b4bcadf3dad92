package upstream

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"
)

// task is something done from time to time: a check, a name.
type task interface {
	every() time.Duration
	run(ctx context.Context, r *Registry) (changed bool)
}

// maxRunning bounds the tasks that run at once. It is wide, for tasks wait
// most of their time, and longest for the dead.
const maxRunning = 512

// schedule is the tasks by when they are due. One goroutine owns it.
type schedule struct {
	due     []*job // a heap
	jobs    map[task]*job
	running int
}

type job struct {
	task  task
	next  time.Time
	index int  // in due; -1 while running
	again bool // doubted while running
	news  bool // what ran found something else than before
}

// Run checks and resolves what the current pools name, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	s := &schedule{jobs: map[task]*job{}}
	done := make(chan *job)
	defer func() {
		for ; s.running > 0; s.running-- {
			<-done
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		for len(s.due) > 0 && s.running < maxRunning && !s.due[0].next.After(now) {
			j := heap.Pop(s).(*job)
			s.running++
			go func() {
				j.news = j.task.run(ctx, r)
				done <- j
			}()
		}
		timer.Stop()
		if len(s.due) > 0 && s.running < maxRunning {
			timer.Reset(s.due[0].next.Sub(now))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.changes:
			s.set(r.tasks(), time.Now())
		case c := <-r.doubts:
			s.hurry(c, time.Now())
		case j := <-done:
			r.changed(s.finish(j, done))
		}
	}
}

// finish puts a job that ran, and all that wait with it, back in line. It
// returns the tasks with news, so that a pool many of whose nodes change at
// once is laid out once.
func (s *schedule) finish(j *job, done <-chan *job) (news []task) {
	for now := time.Now(); ; {
		s.running--
		s.later(j, now)
		if j.news {
			news = append(news, j.task)
		}
		select {
		case j = <-done:
		default:
			return news
		}
	}
}

// set makes tasks the ones to be done. New ones come soon, but not all at
// once.
func (s *schedule) set(tasks map[task]bool, now time.Time) {
	for t, j := range s.jobs {
		if !tasks[t] {
			delete(s.jobs, t)
			if j.index >= 0 {
				heap.Remove(s, j.index)
			}
		}
	}
	fresh := len(tasks) - len(s.jobs)
	for t := range tasks {
		if s.jobs[t] != nil {
			continue
		}
		j := &job{task: t, next: now}
		if spread := min(t.every(), time.Duration(fresh)*time.Millisecond); spread > time.Millisecond {
			j.next = now.Add(rand.N(spread))
		}
		s.jobs[t] = j
		heap.Push(s, j)
	}
}

// later puts a job that ran back in line, ten percent about its interval.
func (s *schedule) later(j *job, now time.Time) {
	if s.jobs[j.task] != j {
		return // nobody needs it any more
	}
	j.next = now
	if !j.again {
		every := j.task.every()
		j.next = now.Add(every*9/10 + rand.N(every/5+1))
	}
	j.again = false
	heap.Push(s, j)
}

// hurry makes a task due at once.
func (s *schedule) hurry(t task, now time.Time) {
	j := s.jobs[t]
	switch {
	case j == nil:
	case j.index < 0:
		j.again = true
	case j.next.After(now):
		j.next = now
		heap.Fix(s, j.index)
	}
}

// Len, Less, Swap, Push and Pop make a heap.
func (s *schedule) Len() int           { return len(s.due) }
func (s *schedule) Less(i, j int) bool { return s.due[i].next.Before(s.due[j].next) }
func (s *schedule) Swap(i, j int) {
	s.due[i], s.due[j] = s.due[j], s.due[i]
	s.due[i].index, s.due[j].index = i, j
}
func (s *schedule) Push(x any) {
	j := x.(*job)
	j.index = len(s.due)
	s.due = append(s.due, j)
}
func (s *schedule) Pop() any {
	j := s.due[len(s.due)-1]
	s.due[len(s.due)-1] = nil
	s.due = s.due[:len(s.due)-1]
	j.index = -1
	return j
}
