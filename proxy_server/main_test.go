package proxyserver

import (
	"testing"

	"go.uber.org/goleak"

	"yumen/testenv"
)

// lateDial is how go-redis looks for a server that went away. It ends within a
// second of Close.
const lateDial = "github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"

func TestMain(m *testing.M) { testenv.Main(m, goleak.IgnoreAnyFunction(lateDial)) }
