package main

import (
	"context"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"

	"journey/latchkey"
)

var background = context.Background()

func main() {
	baseURL, clientID, clientSecret := os.Args[1], os.Args[2], os.Args[3]
	client := must(latchkey.NewClientWithResponses(baseURL))

	request := func(form latchkey.TokenRequest) *latchkey.Token {
		response := must(client.RequestTokenWithFormdataBodyWithResponse(background, form))
		check(response.JSON200 != nil, response.Status())
		return response.JSON200
	}
	login := request(latchkey.TokenRequest{GrantType: new("password"), Username: new("johndoe"), Password: new("secret")})
	refreshed := request(latchkey.TokenRequest{GrantType: new("refresh_token"), RefreshToken: login.RefreshToken})
	withToken := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+refreshed.AccessToken)
		return nil
	}
	user := must(latchkey.NewClientWithResponses(baseURL, latchkey.WithRequestEditorFn(withToken)))

	me := must(user.ReadCurrentUserWithResponse(background))
	check(me.JSON200.Username == "johndoe", me.Status())

	once := &latchkey.CreateOwnItemParams{IdempotencyKey: new("oapi-codegen")}
	item := latchkey.NewItem{ItemId: new("go"), Title: new("A thing")}
	created := must(user.CreateOwnItemWithResponse(background, once, item))
	check(*created.JSON201.Title == "A thing", created.Status())
	repeated := must(user.CreateOwnItemWithResponse(background, once, item))
	check(repeated.HTTPResponse.Header.Get("Idempotency-Replayed") == "true", repeated.Status())
	check(repeated.JSON201.CreatedAt.Equal(created.JSON201.CreatedAt), "another item was created")

	anew := &latchkey.CreateOwnItemParams{}
	conflict := must(user.CreateOwnItemWithResponse(background, anew, item))
	check(*conflict.JSON409.Code == latchkey.ErrorCodeItemExists, conflict.Status())

	invalid := must(user.CreateOwnItemWithResponse(background, anew, latchkey.NewItem{Title: new("two\nlines")}))
	field := must(invalid.JSON422.Detail[0].Loc[1].AsValidationErrorLoc0())
	check(field == "title", invalid.Status())

	var listed []string
	query := &latchkey.ListOwnItemsParams{Limit: new(1)}
	for more := true; more; more = query.Cursor != nil {
		page := must(user.ListOwnItemsWithResponse(background, query))
		for _, item := range *page.JSON200 {
			listed = append(listed, item.ItemId)
		}
		query.Cursor = nextCursor(page.HTTPResponse.Header.Get("Link"))
	}
	check(len(listed) > 1 && slices.Contains(listed, created.JSON201.ItemId), "the item is not listed")

	read := must(user.ReadOwnItemWithResponse(background, created.JSON201.ItemId, &latchkey.ReadOwnItemParams{}))
	condition := &latchkey.PatchOwnItemParams{IfMatch: new(read.HTTPResponse.Header.Get("ETag"))}
	patch := func(title string) *latchkey.PatchOwnItemResponse {
		body := latchkey.ItemPatch{Title: &title}
		return must(user.PatchOwnItemWithResponse(background, created.JSON201.ItemId, condition, body))
	}
	patched := patch("Another thing")
	check(*patched.JSON200.Title == "Another thing", patched.Status())
	late := patch("Too late")
	check(*late.JSON412.Code == latchkey.ErrorCodePreconditionFailed, late.Status())

	own := request(latchkey.TokenRequest{GrantType: new("client_credentials"), ClientId: &clientID, ClientSecret: &clientSecret})
	reference := latchkey.TokenReference{Token: own.AccessToken, ClientId: &clientID, ClientSecret: &clientSecret}
	active := must(client.IntrospectTokenWithFormdataBodyWithResponse(background, reference))
	check(*active.JSON200.ClientId == clientID, active.Status())
	revocation := must(client.RevokeTokenWithFormdataBodyWithResponse(background, reference))
	check(revocation.JSON200 != nil, revocation.Status())
	revoked := must(client.IntrospectTokenWithFormdataBodyWithResponse(background, reference))
	check(!revoked.JSON200.Active, revoked.Status())
}

// nextCursor returns the cursor of the page after this one, from the header Link.
func nextCursor(link string) *string {
	next := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(link)
	if next == nil {
		return nil
	}
	return new(must(url.Parse(next[1])).Query().Get("cursor"))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Panic(err)
	}
	return value
}

func check(holds bool, message string) {
	if !holds {
		log.Panic(message)
	}
}
