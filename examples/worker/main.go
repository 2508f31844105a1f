// Command worker reads the orders every second. Its token is for itself: no user is involved.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	secret, err := os.ReadFile(os.Getenv("SECRET_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	config := clientcredentials.Config{
		ClientID:     "worker",
		ClientSecret: strings.TrimSpace(string(secret)),
		TokenURL:     os.Getenv("ISSUER") + "/token",
		Scopes:       []string{"orders:read"},
	}
	client := config.Client(context.Background())
	for {
		status, body, err := get(client, os.Getenv("ORDERS_URL")+"/orders")
		if err != nil {
			fmt.Println("no answer:", err)
		} else {
			fmt.Println(status, body)
		}
		if status == http.StatusUnauthorized {
			// The token was revoked. A new client gets a new one.
			client = config.Client(context.Background())
		}
		time.Sleep(time.Second)
	}
}

func get(client *http.Client, url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 65536))
	return response.StatusCode, string(body), err
}
