import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import latchkey.ApiClient;
import latchkey.ApiException;
import latchkey.ApiResponse;
import latchkey.api.AuthApi;
import latchkey.api.ItemsApi;
import latchkey.api.UsersApi;
import latchkey.model.Error;
import latchkey.model.ErrorCode;
import latchkey.model.HTTPValidationError;
import latchkey.model.Introspection;
import latchkey.model.Item;
import latchkey.model.ItemDetail;
import latchkey.model.ItemPatch;
import latchkey.model.NewItem;
import latchkey.model.Token;
import latchkey.model.User;

class Journey {
  private static final Pattern NEXT = Pattern.compile("<[^>]*[?&]cursor=([^&>]*)[^>]*>; rel=\"next\"");

  public static void main(String[] arguments) throws Exception {
    String baseUrl = arguments[0];
    String clientId = arguments[1];
    String clientSecret = arguments[2];
    AuthApi auth = new AuthApi(clientOf(baseUrl));

    Token login = auth.requestToken().grantType("password").username("johndoe").password("secret").execute();
    Token refreshed = auth.requestToken().grantType("refresh_token").refreshToken(login.getRefreshToken()).execute();
    ApiClient client = clientOf(baseUrl);
    client.setAccessToken(refreshed.getAccessToken());
    ItemsApi items = new ItemsApi(client);

    User me = new UsersApi(client).readCurrentUser().execute();
    check(me.getUsername().equals("johndoe"), me);

    NewItem newItem = new NewItem().itemId("java").title("A thing");
    ItemDetail created = items.createOwnItem(newItem).idempotencyKey("openapi-generator").execute();
    check(created.getTitle().equals("A thing"), created);
    ApiResponse<ItemDetail> repeated = items.createOwnItem(newItem).idempotencyKey("openapi-generator").executeWithHttpInfo();
    check(repeated.getHeaders().get("idempotency-replayed").contains("true"), repeated.getHeaders());
    check(repeated.getData().equals(created), repeated.getData());

    ApiException conflict = failureOf(() -> items.createOwnItem(newItem).execute());
    check(conflict.getCode() == 409, conflict);
    Error exists = Error.fromJson(conflict.getResponseBody());
    check(exists.getCode() == ErrorCode.ITEM_EXISTS, exists);

    ApiException invalid = failureOf(() -> items.createOwnItem(new NewItem().title("two\nlines")).execute());
    check(invalid.getCode() == 422, invalid);
    HTTPValidationError issues = HTTPValidationError.fromJson(invalid.getResponseBody());
    check(issues.getDetail().get(0).getLoc().get(1).getString().equals("title"), issues);

    List<String> listed = new ArrayList<>();
    String cursor = null;
    do {
      ApiResponse<List<Item>> page = items.listOwnItems().limit(1).cursor(cursor).executeWithHttpInfo();
      page.getData().forEach(item -> listed.add(item.getItemId()));
      cursor = nextCursor(page);
    } while (cursor != null);
    check(listed.size() > 1 && listed.contains(created.getItemId()), listed);

    ApiResponse<ItemDetail> read = items.readOwnItem(created.getItemId()).executeWithHttpInfo();
    String etag = read.getHeaders().get("etag").get(0);
    ItemDetail patched = patch(items, created, "Another thing", etag);
    check(patched.getTitle().equals("Another thing"), patched);
    ApiException late = failureOf(() -> patch(items, created, "Too late", etag));
    check(late.getCode() == 412, late);
    Error changed = Error.fromJson(late.getResponseBody());
    check(changed.getCode() == ErrorCode.PRECONDITION_FAILED, changed);

    Token own = auth.requestToken().grantType("client_credentials").clientId(clientId).clientSecret(clientSecret).execute();
    Introspection active = introspect(auth, own, clientId, clientSecret);
    check(active.getClientId().equals(clientId), active);
    auth.revokeToken(own.getAccessToken()).clientId(clientId).clientSecret(clientSecret).execute();
    Introspection revoked = introspect(auth, own, clientId, clientSecret);
    check(!revoked.getActive(), revoked);
  }

  private static ApiClient clientOf(String baseUrl) {
    return new ApiClient().setBasePath(baseUrl);
  }

  private static ItemDetail patch(ItemsApi items, ItemDetail item, String title, String etag) throws ApiException {
    return items.patchOwnItem(item.getItemId(), new ItemPatch().title(title)).ifMatch(etag).execute();
  }

  private static Introspection introspect(AuthApi auth, Token token, String clientId, String clientSecret)
      throws ApiException {
    return auth.introspectToken(token.getAccessToken()).clientId(clientId).clientSecret(clientSecret).execute();
  }

  private interface Call {
    void run() throws ApiException;
  }

  private static ApiException failureOf(Call call) {
    try {
      call.run();
    } catch (ApiException failure) {
      return failure;
    }
    throw new AssertionError("the request succeeded");
  }

  /** Returns the cursor of the page after this one, from the header Link. */
  private static String nextCursor(ApiResponse<?> page) {
    Matcher next = NEXT.matcher(String.join(", ", page.getHeaders().getOrDefault("link", List.of())));
    return next.find() ? URI.create("?" + next.group(1)).getQuery() : null;
  }

  private static void check(boolean holds, Object found) {
    if (!holds) throw new AssertionError(found);
  }
}
