"""SQL of companies' webhooks: where they go, what they tell of a ride, and the jobs that tell where cars are."""

from cabstand.core.sql import Statement

READ = Statement("SELECT url, sealed_secret, kinds FROM destinations WHERE company_id = :company AND url IS NOT NULL")
LOCK = Statement("""SELECT id, url IS NULL AS off FROM destinations WHERE company_id = :company FOR NO KEY UPDATE""")
# What waits for its first attempt, or for another: each has its index. BETWEEN and not equality as in the sender's SQL.
_WAITING = """SELECT id, next_at FROM deliveries
            WHERE destination_id BETWEEN {it} AND {it} AND state = 'pending' AND attempts = 0
            UNION ALL
            SELECT id, next_at FROM deliveries
            WHERE destination_id BETWEEN {it} AND {it} AND state = 'pending' AND attempts > 0"""
# Given up, not deleted: it can still be sent again by hand. What is just being recorded is passed over, since two who
# change many rows at once would wait for each other; it stays where nothing is sent, and goes with the next call.
GIVE_UP = Statement(
    f"""UPDATE deliveries SET state = 'failed', next_at = NULL
    WHERE id = ANY (ARRAY(
        SELECT id FROM deliveries
        WHERE id = ANY (ARRAY(SELECT id FROM ({_WAITING.format(it=":destination")}) w)) AND state = 'pending'
        FOR NO KEY UPDATE SKIP LOCKED))"""
)
SWITCH_OFF = Statement(
    """UPDATE destinations SET url = NULL, sealed_secret = NULL, kinds = NULL, next_due = NULL, failures = 0,
        paused_until = NULL
    WHERE id = :destination"""
)
SET = Statement(
    f"""INSERT INTO destinations (tenant_id, environment, company_id, door, url, sealed_secret, kinds)
    VALUES (:tenant, :environment, :company, :door, :url, :sealed_secret, :kinds)
    ON CONFLICT (company_id) DO UPDATE SET url = excluded.url, sealed_secret = excluded.sealed_secret,
        kinds = excluded.kinds, door = excluded.door, failures = 0, paused_until = NULL,
        next_due = (SELECT min(next_at) FROM ({_WAITING.format(it="destinations.id")}) w)"""
)

# What a ride's events tell besides its state; by place in the list, since several facts may be about one ride.
TOLD = Statement(
    """SELECT f.place, f.ride_id, k.employee_id, k.service, k.reason, d.pickup_lat, d.pickup_lng, d.dropoff_lat,
        d.dropoff_lng, x.id AS driver_id, x.first_name, x.last_name, x.phone, v.make, v.model, v.plate, t.fixes
    FROM unnest(:rides::bigint[], :offers::bigint[]) WITH ORDINALITY AS f (ride_id, offer_id, place)
    JOIN corporate_rides k ON k.ride_id = f.ride_id
    JOIN ride_details d ON d.ride_id = f.ride_id
    LEFT JOIN offers o ON o.id = f.offer_id
    LEFT JOIN drivers x ON x.id = o.driver_id
    LEFT JOIN vehicles v ON v.id = o.vehicle_id
    LEFT JOIN LATERAL (
        SELECT fixes FROM ride_traces WHERE ride_id = f.ride_id AND f.offer_id IS NOT NULL
        ORDER BY minute DESC LIMIT 1) t ON true"""
)

# Locations. A job per running ride; a ride that has one keeps it.
_EXPECT = """INSERT INTO jobs (environment, kind, subject_id, due_at)
    SELECT r.environment, :job, r.id, :due
    FROM {source} k JOIN rides r ON r.id = k.ride_id
    WHERE {which} AND r.environment = 'live' AND r.state IN ('assigned', 'approaching', 'arrived', 'on_board')
        AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = :job AND j.subject_id = r.id)"""
EXPECT_OF_COMPANY = Statement(
    _EXPECT.format(
        source="""(SELECT k.ride_id FROM rides l JOIN corporate_rides k ON k.ride_id = l.id
            WHERE l.ended_at IS NULL AND k.company_id = :company)""",
        which="true",
    )
)
EXPECT = Statement(
    _EXPECT.format(
        source="corporate_rides",
        which="""k.ride_id = ANY(:rides::bigint[]) AND EXISTS (
            SELECT FROM destinations s WHERE s.company_id = k.company_id AND s.url IS NOT NULL)""",
    )
)
# The ride first: it cannot end before its position is queued, so none comes after the message that it has ended.
RIDE = Statement("SELECT state, offer_id FROM rides WHERE id = :ride AND environment = :environment FOR SHARE")
DESTINATION = Statement(
    """SELECT s.id, s.tenant_id, s.door, s.kinds FROM corporate_rides k
    JOIN destinations s ON s.company_id = k.company_id AND s.url IS NOT NULL
    WHERE k.ride_id = :ride FOR NO KEY UPDATE OF s"""
)
ONLY = Statement("DELETE FROM jobs WHERE kind = :job AND subject_id = :ride AND id <> :own")
AGAIN = Statement("INSERT INTO jobs (environment, kind, subject_id, due_at) VALUES (:environment, :job, :ride, :due)")
