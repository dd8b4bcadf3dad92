// Command yumen is a gateway for microservices: a dashboard where people say
// what they want, and proxies that carry traffic by it.
package main

import (
	"os"

	"yumen/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
