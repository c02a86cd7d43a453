-- A journal as version 1.0.0 left it (step 2), for the default address and the key of the tests; each prompt says what its entry is.
BEGIN TRANSACTION;
CREATE TABLE durations (
            seq INTEGER PRIMARY KEY,
            model TEXT NOT NULL,
            duration INTEGER,
            seconds REAL NOT NULL
        );
INSERT INTO "durations" VALUES(1,'minimax/hailuo-2.3/i2v-standard',NULL,45.0);
INSERT INTO "durations" VALUES(2,'minimax/hailuo-2.3/i2v-standard',NULL,693033.865039);
INSERT INTO "durations" VALUES(3,'minimax/hailuo-2.3/i2v-standard',NULL,693033.881823);
INSERT INTO "durations" VALUES(4,'minimax/hailuo-2.3/i2v-standard',NULL,693033.889506);
CREATE TABLE entries (
            seq INTEGER PRIMARY KEY,
            intent_id TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            owner TEXT NOT NULL,
            stage TEXT NOT NULL,
            request TEXT NOT NULL,
            notes TEXT NOT NULL,
            created_at TEXT NOT NULL,
            submitted_at TEXT,
            prediction_id TEXT,
            report TEXT,
            delivered INTEGER NOT NULL,
            save_to TEXT NOT NULL,
            saved_path TEXT NOT NULL
        , account TEXT NOT NULL DEFAULT '', quote INTEGER);
INSERT INTO "entries" VALUES(1,'f0f72a0bb7634137aa9177670ba35638','f1b87a86fe6f571502b9c0f80d675d0d4d600f92fd61cf9364be9711dca412ba','4dd93b16c64d45778a736406be970ba7','intended','{}','[]','2026-11-28T10:30:33.829491+00:00',NULL,NULL,NULL,0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(2,'e957d36af821449abba63093adb4caf4','75a16fc3cb273f4da54a1248657d22520452495c2f144b523acf6a5d37477c53','4dd93b16c64d45778a736406be970ba7','sending','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "sending", "image": "https://pictures.example/cat.jpg"}','[]','2026-11-28T10:30:33.832155+00:00',NULL,NULL,NULL,0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(3,'2b3844ff2ae64beea418a5e8d8d04431','b4ea7090a4fdbf05b03a6ce5b3b4daaecfe815b82a119e56fa1748882d5eb6c5','4dd93b16c64d45778a736406be970ba7','unknown','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "unknown", "image": "https://pictures.example/cat.jpg"}','[]','2026-11-28T10:30:33.835157+00:00',NULL,NULL,NULL,0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(4,'b2de95973c774e319b49bd99836dac77','46d8b9f7a012a57d1e4ac61d4df1040ce3ac123e9b02b3246fdcb47ed7cfbe6b','4dd93b16c64d45778a736406be970ba7','refused','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "refused", "image": "https://pictures.example/cat.jpg"}','[]','2026-11-28T10:30:33.839010+00:00',NULL,NULL,NULL,0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(5,'ff949288074c4145adb878cccb2ab8b0','9f1f95a851f300fec132ff46409110b09e6ab5c25a060decabfced4d146db514','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "processing", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.842265+00:00','2026-11-20T10:00:00.000000+00:00','p0','{"prediction_id": "p0", "word": "processing", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(6,'921892491d3146f7938fcfd1e630c119','df475c66b65d6d216b372e401e27ec19ef00c3e1ebe894c8b21b275c8859fe19','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "free so far", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.846687+00:00','2026-11-20T10:00:00.000000+00:00','p1','{"prediction_id": "p1", "word": "processing", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.000000"}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(7,'082a866d7e41411ca93fde35d923492b','44d1988e5992a8b7d18065a83cdd94d45d70454ef36f0011b3d16b2313820999','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "completed", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.851601+00:00','2026-11-20T10:00:00.000000+00:00','p2','{"prediction_id": "p2", "word": "completed", "outputs": ["https://clips.example/p2.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": "2026-11-20T10:00:45Z", "predict_time_seconds": null, "cost_usd": "0.300000"}',1,'null','"/clips/cat-p2.mp4"','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(8,'fdf6b45e86be4495af9e4c5a127b99de','175f0bc7335d3eae16a165bbbe63972bdbd5a0ebd6d9e6368ebf88f70c27474d','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "without a price", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.857936+00:00','2026-11-20T10:00:00.000000+00:00','p3','{"prediction_id": "p3", "word": "succeeded", "outputs": ["https://clips.example/p3.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": null}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(9,'10614da1e88a41c18275af397e6cd5db','b550b1e8a1776f54d8397a49bcd6e322eb8e79de5f10d19a1ef30a9d5407d882','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "failed", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.865925+00:00','2026-11-20T10:00:00.000000+00:00','p4','{"prediction_id": "p4", "word": "failed", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.280000"}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(10,'67810a4c5b1f4db7b4604f7959725b76','2f19ab8c5f4e21aa09f8719084679da7815d21a2f21f7ec9149d1c3d45a691b9','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "no clip", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.872430+00:00','2026-11-20T10:00:00.000000+00:00','p5','{"prediction_id": "p5", "word": "completed", "outputs": [], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.280000"}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(11,'76341bb634874bae86e23a46606974be','a26c6d9f9ba53b979d289db7e63b0437bb9d7b3771955da8164dd30a7bbc1d9c','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "twice", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.877364+00:00','2026-11-20T10:00:00.000000+00:00','p6','{"prediction_id": "p6", "word": "completed", "outputs": ["https://clips.example/p6.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.250000"}',1,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(12,'cfc048d30ea1492d8efc128837f8400f','a26c6d9f9ba53b979d289db7e63b0437bb9d7b3771955da8164dd30a7bbc1d9c','4dd93b16c64d45778a736406be970ba7','submitted','{"model": "minimax/hailuo-2.3/i2v-standard", "prompt": "twice", "image": "https://pictures.example/cat.jpg"}','["It was turned upright."]','2026-11-28T10:30:33.883554+00:00','2026-11-20T10:00:00.000000+00:00','p7','{"prediction_id": "p7", "word": "completed", "outputs": ["https://clips.example/p7.mp4"], "reason": null, "model": "minimax/hailuo-2.3/i2v-standard", "created_at": "2026-11-20T10:00:00Z", "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.260000"}',0,'null','null','d51dba4ab2c700f5',280000);
INSERT INTO "entries" VALUES(13,'004997fb081e4e649bdc48ec607234a5','','4dd93b16c64d45778a736406be970ba7','submitted','{}','[]','2026-11-28T10:30:33.890336+00:00',NULL,'foreign','{"prediction_id": "foreign", "word": "completed", "outputs": ["https://clips.example/f.mp4"], "reason": null, "model": null, "created_at": null, "completed_at": null, "predict_time_seconds": null, "cost_usd": "0.500000"}',0,'null','null','',NULL);
CREATE TABLE uploads (
            host TEXT NOT NULL,
            digest TEXT NOT NULL,
            url TEXT NOT NULL,
            uploaded_at TEXT NOT NULL,
            PRIMARY KEY (host, digest)
        ) WITHOUT ROWID
        ;
INSERT INTO "uploads" VALUES('d51dba4ab2c700f5','digest','https://up.example/cat.jpg','2026-11-28T10:30:33.890963+00:00');
CREATE INDEX entries_by_key ON entries (key);
CREATE INDEX entries_by_prediction ON entries (prediction_id);
CREATE INDEX durations_by_kind ON durations (model, duration);
CREATE INDEX entries_by_time ON entries (COALESCE(submitted_at, created_at));
COMMIT;
