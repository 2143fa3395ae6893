import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import NIOCore

/// The answers of the Batch API, member by member, in the order of the contract.
enum WireFormat {
    /// `warnings` is there only where there are some.
    static func created(
        _ batch: BatchSummary, available: Int64, isReplay: Bool, unknown: [InvalidRequest.Problem]
    ) -> JSON {
        .object(
            [
                JSON.Member("ok", true), JSON.Member("batch_id", .string(batch.batchID)),
                JSON.Member("request_id", .text(batch.requestID)),
                JSON.Member("status", .string(batch.status.rawValue)),
                JSON.Member("total_count", .integer(batch.totalCount)),
                JSON.Member("cost_per_video", .integer(batch.costPerVideo)),
                JSON.Member("required_credits", .integer(batch.creditsReserved)),
                JSON.Member("available_credits", .integer(available)),
                JSON.Member("idempotent_replay", .bool(isReplay)),
            ] + (unknown.isEmpty ? [] : [JSON.Member("warnings", .array(unknown.map(problem)))]))
    }

    /// A place of a request, and what is the matter with it.
    static func problem(_ problem: InvalidRequest.Problem) -> JSON {
        [
            "pointer": .string(problem.pointer), "field": .string(problem.place), "detail": .string(problem.sentence),
        ]
    }

    static func batch(_ batch: BatchSummary) -> JSON { .object([JSON.Member("ok", true)] + members(of: batch)) }

    static func batches(_ listing: Listing<BatchSummary, BatchCursor>, limit: Int64) -> JSON {
        [
            "ok": true, "batches": .array(listing.elements.map { .object(members(of: $0)) }),
            "limit": .integer(limit), "next_cursor": .text(listing.next?.text),
        ]
    }

    private static func members(of batch: BatchSummary) -> [JSON.Member] {
        [
            JSON.Member("batch_id", .string(batch.batchID)), JSON.Member("request_id", .text(batch.requestID)),
            JSON.Member("status", .string(batch.status.rawValue)),
            JSON.Member("total_count", .integer(batch.totalCount)),
            JSON.Member("succeeded_count", .integer(batch.succeededCount)),
            JSON.Member("failed_count", .integer(batch.failedCount)),
            JSON.Member(
                "counts",
                [
                    "pending": .integer(batch.pendingCount), "running": .integer(batch.runningCount),
                    "unknown": .integer(batch.unknownCount), "succeeded": .integer(batch.succeededCount),
                    "failed": .integer(batch.failedCount),
                ]),
            JSON.Member("cost_per_video", .integer(batch.costPerVideo)),
            JSON.Member("credits_reserved", .integer(batch.creditsReserved)),
            JSON.Member("credits_settled", .integer(batch.creditsSettled)),
            JSON.Member("credits_refunded", .integer(batch.creditsRefunded)),
            JSON.Member("created_at", .string(batch.createdAt.description)),
            JSON.Member("completed_at", .text(batch.completedAt?.description)),
        ]
    }

    static func cancelled(_ batch: BatchSummary) -> JSON {
        [
            "ok": true, "batch_id": .string(batch.batchID), "status": .string(BatchStatus.cancelled.rawValue),
            "credits_refunded": .integer(batch.creditsRefunded),
        ]
    }

    static func items(_ page: Page<ItemView, ItemCursor>, limit: Int64, offset: Int64) throws -> JSON {
        [
            "ok": true, "items": .array(try page.elements.map(item)), "total": .integer(page.total),
            "limit": .integer(limit), "offset": .integer(offset), "next_cursor": .text(page.next?.text),
        ]
    }

    /// A line of JSON for each: what became of it, without what was asked for.
    static func lines(_ items: [ItemView]) -> [UInt8] {
        items.flatMap { item in
            let line: JSON = [
                "custom_id": .text(item.customID), "item_id": .string(item.itemID), "index": .integer(item.index),
                "status": .string(item.status.rawValue), "model": .string(item.model),
                "video_url": .text(item.videoURL), "error": .text(item.error),
                "failure_type": .text(item.failureType?.rawValue), "reason": .text(item.reason),
                "completed_at": .text(item.completedAt?.description),
            ]
            return line.bytes() + [0x0A]
        }
    }

    private static func item(_ item: ItemView) throws -> JSON {
        [
            "item_id": .string(item.itemID), "index": .integer(item.index), "custom_id": .text(item.customID),
            "status": .string(item.status.rawValue), "prompt": .string(item.prompt), "model": .string(item.model),
            "video_url": .text(item.videoURL),
            // Nothing makes thumbnails; clients of the contract look for the member.
            "thumbnail_url": .null, "error": .text(item.error), "failure_type": .text(item.failureType?.rawValue),
            "reason": .text(item.reason),
            "metadata": try item.metadata.map { try JSON(parsing: Array($0.utf8)) } ?? .null,
            "created_at": .text(item.createdAt?.description), "completed_at": .text(item.completedAt?.description),
        ]
    }

    static func balance(_ balance: CustomerLedger.Balance) -> JSON {
        [
            "ok": true, "available": .integer(balance.available), "reserved": .integer(balance.reserved),
            "total": .integer(balance.total),
        ]
    }

    static func ledger(_ page: Page<LedgerLine, LedgerCursor>, limit: Int64, offset: Int64) -> JSON {
        [
            "ok": true, "entries": .array(page.elements.map(entry)), "total": .integer(page.total),
            "limit": .integer(limit), "offset": .integer(offset), "next_cursor": .text(page.next?.text),
        ]
    }

    private static func entry(_ line: LedgerLine) -> JSON {
        [
            "id": .string(line.id), "type": .string(line.kind.rawValue), "reason": .text(line.reason?.rawValue),
            "delta": .integer(line.delta),
            "balance_after": .integer(line.balanceAfter), "batch_id": .text(line.batchID),
            // Credit is reserved and returned for a batch as a whole.
            "item_id": .null, "description": .string(line.description),
            "created_at": .string(line.createdAt.description),
        ]
    }
}

extension Response {
    /// An answer in JSON.
    init(_ body: JSON, status: HTTPResponse.Status = .ok, contentType: String = "application/json") {
        self.init(
            status: status, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.bytes())))
    }

    /// An error, as problem+json only for those who ask for it: old clients look for JSON.
    init(_ error: APIError, to request: Request) {
        let wantsProblem = request.headers[values: .accept].contains { $0.contains("application/problem+json") }
        self.init(
            error.body, status: error.code.status,
            contentType: wantsProblem ? "application/problem+json" : "application/json")
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
        if let allowed = error.allowed { headers[.allow] = allowed }
        if error.closesConnection { headers[.connection] = "close" }
        if error.code == .missingAPIKey { headers[.wwwAuthenticate] = "Bearer" }
    }
}
