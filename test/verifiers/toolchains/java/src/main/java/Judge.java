import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.proc.BadJOSEException;
import java.net.MalformedURLException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.HashMap;
import java.util.List;
import org.springframework.security.oauth2.jwt.BadJwtException;

/**
 * Reads the tokens of a table, and prints the subject that a recipe reads from each, or null where it refuses the token. The first
 * argument is the recipe's heading, the second the table.
 */
public class Judge {
  private record Judged(String token, String audience) {}

  private record Table(String issuer, List<Judged> tokens) {}

  private interface Verify {
    /** Returns the subject of a token, or null if it is refused. */
    String subjectOf(String token) throws JOSEException;
  }

  public static void main(String[] args) throws Exception {
    var table = new Gson().fromJson(Files.readString(Path.of(args[1])), Table.class);
    var verifiers = new HashMap<String, Verify>();
    var subjects = new String[table.tokens.size()];
    for (var index = 0; index < subjects.length; index += 1) {
      var judged = table.tokens.get(index);
      if (!verifiers.containsKey(judged.audience))
        verifiers.put(judged.audience, create(args[0], table.issuer, judged.audience));
      subjects[index] = verifiers.get(judged.audience).subjectOf(judged.token);
    }
    System.out.println(new GsonBuilder().serializeNulls().create().toJson(subjects));
  }

  private static Verify create(String recipe, String issuer, String audience) throws MalformedURLException {
    return recipe.equals("nimbus") ? withNimbus(issuer, audience) : withSpring(issuer, audience);
  }

  private static Verify withNimbus(String issuer, String audience) throws MalformedURLException {
    var verifier = new NimbusVerifier(issuer, audience);
    return token -> {
      try {
        return verifier.verify(token).getSubject();
      } catch (ParseException | BadJOSEException refused) {
        return null;
      }
    };
  }

  private static Verify withSpring(String issuer, String audience) {
    var decoder = new LatchkeyDecoder().jwtDecoder(issuer, audience);
    return token -> {
      try {
        return decoder.decode(token).getSubject();
      } catch (BadJwtException refused) {
        return null;
      }
    };
  }
}
