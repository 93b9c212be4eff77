//go:build lab

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// mailbox is a server for mail that keeps what it is sent.
type mailbox struct {
	host string
	port string
	mail chan string
}

// takeMail listens at an address until the test ends.
func takeMail(t *testing.T, addr string) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	m := &mailbox{mail: make(chan string, 100)}
	if m.host, m.port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := make(chan struct{})
			go func() {
				select {
				case <-t.Context().Done():
				case <-stop:
				}
				c.Close()
			}()
			all.Go(func() {
				defer close(stop)
				m.talk(c)
			})
		}
	})
	return m
}

// talk is one conversation of RFC 5321.
func (m *mailbox) talk(c net.Conn) {
	in := bufio.NewScanner(c)
	fmt.Fprint(c, "220 test\r\n")
	var text strings.Builder
	data := false
	for in.Scan() {
		line := in.Text()
		switch word, _, _ := strings.Cut(strings.ToUpper(line), " "); {
		case data && line == ".":
			data = false
			m.mail <- text.String()
			text.Reset()
			fmt.Fprint(c, "250 taken\r\n")
		case data:
			text.WriteString(strings.TrimPrefix(line, ".") + "\n")
		case word == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		case word == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 test\r\n")
		}
	}
}
