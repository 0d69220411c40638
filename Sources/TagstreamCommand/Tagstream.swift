@main
struct Tagstream {
    static func main() {}
}
