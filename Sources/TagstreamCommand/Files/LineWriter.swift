import Foundation

/// Lines on their way into a file or standard output, written in large pieces.
struct LineWriter: ~Copyable {
    private let handle: FileHandle
    private var buffer = Data()

    init(path: String) throws {
        // open(2) and not FileManager, which replaces what is there: /dev/stdout has to stay a device.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(.usage, "cannot write \"\(path)\": \(String(cString: strerror(errno)))")
        }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    init(_ handle: FileHandle) { self.handle = handle }

    mutating func write(_ line: UnsafeRawBufferPointer) {
        buffer.append(contentsOf: line)
        buffer.append(0x0A)
        if buffer.count > 1 << 16 { flush() }
    }

    mutating func write(_ line: String) {
        var line = line
        line.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    mutating func flush() {
        handle.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
