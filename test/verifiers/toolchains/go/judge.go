// Command judge reads the tokens of a table, and prints the subject that a recipe reads from each, or null where it refuses the
// token. The first argument is the recipe's name, the second the table.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	jwx "judge/jwx"
	oidc "judge/oidc"
)

type table struct {
	Issuer string
	Tokens []struct{ Token, Audience string }
}

// verify returns the subject of a token.
type verify func(token string) (string, error)

var recipes = map[string]func(issuer, audience string) verify{"go-oidc": withOidc, "jwx": withJwx}

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var judged table
	if err := json.Unmarshal(text, &judged); err != nil {
		log.Fatal(err)
	}
	verifiers := map[string]verify{}
	subjects := make([]*string, len(judged.Tokens))
	for i, one := range judged.Tokens {
		if verifiers[one.Audience] == nil {
			verifiers[one.Audience] = recipes[os.Args[1]](judged.Issuer, one.Audience)
		}
		if subject, err := verifiers[one.Audience](one.Token); err == nil {
			subjects[i] = &subject
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(subjects); err != nil {
		log.Fatal(err)
	}
}

func withOidc(issuer, audience string) verify {
	verifier := oidc.New(context.Background(), issuer, audience)
	return func(token string) (string, error) {
		claims, err := verifier.Verify(context.Background(), token)
		if err != nil {
			return "", err
		}
		return claims["sub"].(string), nil
	}
}

func withJwx(issuer, audience string) verify {
	verifier, err := jwx.New(context.Background(), issuer, audience)
	if err != nil {
		log.Fatal(err)
	}
	return func(token string) (string, error) {
		verified, err := verifier.Verify(token)
		if err != nil {
			return "", err
		}
		subject, _ := verified.Subject()
		return subject, nil
	}
}
