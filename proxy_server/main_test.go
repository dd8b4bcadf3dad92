package proxyserver

import (
	"testing"

	"yumen/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
