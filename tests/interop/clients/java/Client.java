import com.eatthepath.json.JsonParser;
import com.eatthepath.json.JsonSerializer;
import com.eatthepath.pushy.apns.ApnsClient;
import com.eatthepath.pushy.apns.ApnsClientBuilder;
import com.eatthepath.pushy.apns.DeliveryPriority;
import com.eatthepath.pushy.apns.PushType;
import com.eatthepath.pushy.apns.auth.ApnsSigningKey;
import com.eatthepath.pushy.apns.util.SimpleApnsPushNotification;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.text.ParseException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Clients in Java at a listener: pushy, and the HttpClient of the JDK for what pushy cannot say.
 *
 * <pre>java Client pushy|HttpClient</pre>
 *
 * <p>../table.py has the protocol. A client is told no more than `pushkit env` prints. JSON is read
 * and written by what pushy brings.
 */
public final class Client {
    private static final Map<String, String> ENV = System.getenv();

    /** One push on its way. */
    private interface Sender {
        CompletableFuture<Map<String, Object>> send(Map<String, Object> push);
    }

    private interface Library {
        Sender connect(Map<String, Object> credential) throws Exception;
    }

    private static Map<String, Object> answer(int status, Object reason, Object timestamp) {
        Map<String, Object> said = new HashMap<>(); // Map.of takes no null
        said.put("status", status);
        said.put("reason", reason);
        said.put("timestamp", timestamp);
        return said;
    }

    private static String payload(Map<String, Object> push) {
        return JsonSerializer.writeJsonTextAsString((Map<?, ?>) push.get("payload"));
    }

    private static Sender pushy(Map<String, Object> credential) throws Exception {
        File key = new File(ENV.get("PUSHKIT_KEY_FILE"));
        String keyId = (String) credential.get("key_id");
        ApnsClient client =
                new ApnsClientBuilder()
                        .setApnsServer(
                                ENV.get("PUSHKIT_HOST"), Integer.parseInt(ENV.get("PUSHKIT_PORT")))
                        .setTrustedServerCertificateChain(new File(ENV.get("PUSHKIT_CA_FILE")))
                        .setSigningKey(
                                ApnsSigningKey.loadFromPkcs8File(
                                        key, ENV.get("PUSHKIT_TEAM_ID"), keyId))
                        .build();
        return push ->
                client.sendNotification(
                                new SimpleApnsPushNotification(
                                        (String) push.get("token"),
                                        (String) push.get("topic"),
                                        payload(push),
                                        Instant.now().plusSeconds(3600),
                                        DeliveryPriority.getFromCode(
                                                ((Number) push.get("priority")).intValue()),
                                        PushType.getFromHeaderValue((String) push.get("type"))))
                        .thenApply(
                                heard ->
                                        answer(
                                                heard.getStatusCode(),
                                                heard.getRejectionReason().orElse(null),
                                                heard.getTokenInvalidationTimestamp()
                                                        .map(Instant::toEpochMilli)
                                                        .orElse(null)));
    }

    private static SSLContext trust() throws Exception {
        File store = new File(ENV.get("PUSHKIT_TRUSTSTORE"));
        TrustManagerFactory trust =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(KeyStore.getInstance(store, "changeit".toCharArray()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static Sender httpClient(Map<String, Object> credential) throws Exception {
        HttpClient client =
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_2)
                        .sslContext(trust())
                        .build();
        return push -> {
            URI uri = URI.create(ENV.get("PUSHKIT_ENDPOINT") + "/3/device/" + push.get("token"));
            HttpRequest request =
                    HttpRequest.newBuilder(uri)
                            .header("authorization", "bearer " + credential.get("bearer"))
                            .header("apns-topic", (String) push.get("topic"))
                            .header("apns-push-type", (String) push.get("type"))
                            .header("apns-priority", push.get("priority").toString())
                            .POST(HttpRequest.BodyPublishers.ofString(payload(push)))
                            .build();
            return client.sendAsync(request, BodyHandlers.ofString())
                    .thenApply(
                            heard -> {
                                Map<String, Object> said =
                                        heard.body().isEmpty() ? Map.of() : parse(heard.body());
                                return answer(
                                        heard.statusCode(),
                                        said.get("reason"),
                                        said.get("timestamp"));
                            });
        };
    }

    private static Map<String, Object> parse(String text) {
        try {
            return new JsonParser().parseJsonObject(text);
        } catch (ParseException error) {
            throw new CompletionException(error);
        }
    }

    @SuppressWarnings("unchecked")
    public static void main(String[] words) throws Exception {
        Thread.setDefaultUncaughtExceptionHandler(
                (thread, error) -> {
                    error.printStackTrace();
                    System.exit(1);
                });
        Library library = words[0].equals("pushy") ? Client::pushy : Client::httpClient;
        Map<Object, Sender> clients = new HashMap<>();
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> row = parse(line);
            Map<String, Object> credential = (Map<String, Object>) row.get("credential");
            Sender client = clients.get(credential);
            if (client == null) {
                client = library.connect(credential);
                clients.put(credential, client);
            }
            List<CompletableFuture<Map<String, Object>>> underWay =
                    ((List<Map<String, Object>>) row.get("pushes"))
                            .stream().map(client::send).collect(Collectors.toList());
            List<Map<String, Object>> answers =
                    underWay.stream().map(CompletableFuture::join).collect(Collectors.toList());
            out.println(JsonSerializer.writeJsonTextAsString(answers));
        }
        System.exit(0); // the libraries' threads would live on
    }
}
