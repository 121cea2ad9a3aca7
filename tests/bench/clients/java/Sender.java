import com.eatthepath.json.JsonParser;
import com.eatthepath.pushy.apns.ApnsClient;
import com.eatthepath.pushy.apns.ApnsClientBuilder;
import com.eatthepath.pushy.apns.DeliveryPriority;
import com.eatthepath.pushy.apns.PushType;
import com.eatthepath.pushy.apns.auth.ApnsSigningKey;
import com.eatthepath.pushy.apns.util.SimpleApnsPushNotification;
import java.io.File;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;

/**
 * pushy as a sender of the bench.
 *
 * <pre>java Sender JOB</pre>
 *
 * <p>../../jobs.py says what a job is, and what is printed.
 */
public final class Sender {
    private final Map<String, Object> job;
    private final List<?> tokens;
    private final ApnsClient client;

    private Sender(Map<String, Object> job) throws Exception {
        this.job = job;
        tokens = (List<?>) job.get("tokens");
        URI url = URI.create(text("url"));
        client =
                new ApnsClientBuilder()
                        .setApnsServer(url.getHost(), url.getPort())
                        .setTrustedServerCertificateChain(new File(text("ca")))
                        .setSigningKey(
                                ApnsSigningKey.loadFromPkcs8File(
                                        new File(text("key")), text("team_id"), text("key_id")))
                        .build();
    }

    private String text(String name) {
        return (String) job.get(name);
    }

    private int number(String name) {
        return ((Number) job.get(name)).intValue();
    }

    /** How long each push took, in milliseconds, sorted. */
    private double[] run(int count) throws InterruptedException {
        double[] took = new double[count];
        Semaphore room = new Semaphore(number("in_flight"));
        CountDownLatch left = new CountDownLatch(count);
        PushType type = PushType.getFromHeaderValue(text("type"));
        for (int i = 0; i < count; i++) {
            room.acquire();
            int place = i;
            long begun = System.nanoTime();
            client.sendNotification(
                            new SimpleApnsPushNotification(
                                    (String) tokens.get(i % tokens.size()),
                                    text("topic"),
                                    text("body"),
                                    Instant.now().plusSeconds(3600),
                                    DeliveryPriority.IMMEDIATE,
                                    type))
                    .whenComplete(
                            (heard, error) -> {
                                if (error != null || !heard.isAccepted()) {
                                    System.err.println(error == null ? heard : error);
                                    System.exit(1);
                                }
                                took[place] = (System.nanoTime() - begun) / 1e6;
                                room.release();
                                left.countDown();
                            });
        }
        left.await();
        Arrays.sort(took);
        return took;
    }

    public static void main(String[] words) throws Exception {
        String text = Files.readString(Path.of(words[0]));
        Sender sender = new Sender(new JsonParser().parseJsonObject(text));
        sender.run(sender.number("warm_up"));
        int count = sender.number("count");
        long begun = System.nanoTime();
        double[] took = sender.run(count);
        double elapsed = (System.nanoTime() - begun) / 1e9;
        System.out.printf(
                Locale.ROOT,
                "{\"per_s\": %f, \"p99_ms\": %f}%n",
                count / elapsed,
                took[count * 99 / 100]);
        System.exit(0);
    }
}
