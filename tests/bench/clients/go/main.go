// sideshow/apns2 as a sender of the bench, and a host for a sender that offers no ALPN.
//
//	sender JOB
//	sender sink KEY CHAIN       a host that accepts everything; prints its port
//
// ../../jobs.py says what a job is, and what is printed.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/token"
	"golang.org/x/net/http2"
)

type job struct {
	URL      string   `json:"url"`
	CA       string   `json:"ca"`
	Key      string   `json:"key"`
	KeyID    string   `json:"key_id"`
	TeamID   string   `json:"team_id"`
	Topic    string   `json:"topic"`
	Type     string   `json:"type"`
	Tokens   []string `json:"tokens"`
	Body     string   `json:"body"`
	Count    int      `json:"count"`
	WarmUp   int      `json:"warm_up"`
	InFlight int      `json:"in_flight"`
}

func (given job) client() *apns2.Client {
	pem, err := os.ReadFile(given.CA)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	key, err := token.AuthKeyFromFile(given.Key)
	if err != nil {
		log.Fatal(err)
	}
	client := apns2.NewTokenClient(&token.Token{AuthKey: key, KeyID: given.KeyID, TeamID: given.TeamID})
	client.Host = given.URL
	client.HTTPClient.Transport.(*http2.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	return client
}

// How long each push took, in milliseconds.
func (given job) run(client *apns2.Client, count int) []float64 {
	took := make([]float64, count)
	var next atomic.Int64
	var under sync.WaitGroup
	for range given.InFlight {
		under.Add(1)
		go func() {
			defer under.Done()
			for number := int(next.Add(1)) - 1; number < count; number = int(next.Add(1)) - 1 {
				begun := time.Now()
				answer, err := client.Push(&apns2.Notification{
					DeviceToken: given.Tokens[number%len(given.Tokens)],
					Topic:       given.Topic,
					PushType:    apns2.EPushType(given.Type),
					Priority:    10,
					Payload:     []byte(given.Body),
				})
				if err != nil {
					log.Fatal(err)
				}
				if answer.StatusCode != 200 {
					log.Fatal(answer.StatusCode, answer.Reason)
				}
				took[number] = time.Since(begun).Seconds() * 1000
			}
		}()
	}
	under.Wait()
	return took
}

func sink(key, chain string) {
	pair, err := tls.LoadX509KeyPair(chain, key)
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	door, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(door.Addr().(*net.TCPAddr).Port)
	server := &http2.Server{MaxConcurrentStreams: 1000}
	accept := func(answer http.ResponseWriter, asked *http.Request) {
		io.Copy(io.Discard, asked.Body)
		answer.Header().Set("apns-id", asked.Header.Get("apns-id"))
	}
	for {
		conn, err := door.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			if conn.(*tls.Conn).Handshake() == nil {
				server.ServeConn(conn, &http2.ServeConnOpts{Handler: http.HandlerFunc(accept)})
			}
		}()
	}
}

func main() {
	if os.Args[1] == "sink" {
		sink(os.Args[2], os.Args[3])
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var given job
	if err := json.Unmarshal(text, &given); err != nil {
		log.Fatal(err)
	}
	client := given.client()
	given.run(client, given.WarmUp)
	begun := time.Now()
	took := given.run(client, given.Count)
	elapsed := time.Since(begun).Seconds()
	sort.Float64s(took)
	fmt.Printf(`{"per_s": %f, "p99_ms": %f}`+"\n", float64(given.Count)/elapsed, took[given.Count*99/100])
}
